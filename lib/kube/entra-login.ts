// Users of a kubeconfig who sign in to Microsoft Entra: by kubelogin, or by what kubectl itself knew before 1.26.

/** A program that gives credentials (kubernetes.io/docs/reference/access-authn-authz/authentication, "client-go credential plugins"). */
export interface ExecPlugin {
  readonly command?: string;
  readonly args?: readonly string[];
}

/** A way in that was built into kubectl. */
export interface AuthProvider {
  readonly name?: string;
  readonly config?: Readonly<Record<string, string>>;
}

/** The part of a user that says how it signs in. */
interface Login {
  readonly exec?: ExecPlugin;
  readonly 'auth-provider'?: AuthProvider;
}

/** Whether a user signs in to Entra. */
export function isEntraLogin({ exec, 'auth-provider': provider }: Login): boolean {
  if (exec?.command !== undefined) return /(?:^|[\\/])kubelogin(?:\.exe)?$/i.test(exec.command);
  return provider?.name === 'azure';
}

/** The application that the user's tokens are for; undefined where it does not say. */
export function entraApplicationOf({ exec, 'auth-provider': provider }: Login): string | undefined {
  return option(exec?.args ?? [], '--server-id') ?? provider?.config?.['apiserver-id'];
}

/** The value of an option, written as `--name value` or `--name=value`. */
function option(args: readonly string[], name: string): string | undefined {
  const at = args.findIndex((arg) => arg === name || arg.startsWith(`${name}=`));
  return at < 0 ? undefined : args[at] === name ? args[at + 1] : args[at]?.slice(name.length + 1);
}
