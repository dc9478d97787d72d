// Variables of a pipeline. Names are compared without regard to case, as in Azure Pipelines.

export interface Variable {
  /** The name as it was first written. */
  readonly name: string;
  readonly value: string;
  readonly isSecret: boolean;
  readonly isReadOnly: boolean;
}

/** An immutable set of variables; each change gives a new one. */
export class Variables {
  readonly #byName: ReadonlyMap<string, Variable>;

  private constructor(byName: ReadonlyMap<string, Variable>) {
    this.#byName = byName;
  }

  static readonly none = new Variables(new Map());

  static from(values: Readonly<Record<string, string>>): Variables {
    return Variables.none.withAll(values);
  }

  get(name: string): Variable | undefined {
    return this.#byName.get(name.toLowerCase());
  }

  value(name: string): string | undefined {
    return this.get(name)?.value;
  }

  all(): readonly Variable[] {
    return [...this.#byName.values()];
  }

  with(name: string, value: string, { isSecret = false, isReadOnly = false } = {}): Variables {
    const before = this.get(name);
    // Once a secret, always a secret: a later value is as confidential as the first.
    const variable = {
      name: before?.name ?? name,
      value,
      isSecret: isSecret || before?.isSecret === true,
      isReadOnly: isReadOnly || before?.isReadOnly === true,
    };
    return new Variables(new Map(this.#byName).set(name.toLowerCase(), variable));
  }

  withAll(values: Readonly<Record<string, string>>): Variables {
    return Object.entries(values).reduce<Variables>((all, [name, value]) => all.with(name, value), this);
  }

  readOnlyNames(): ReadonlySet<string> {
    return new Set([...this.#byName].filter(([, { isReadOnly }]) => isReadOnly).map(([name]) => name));
  }
}

/** Whether the pipeline runs with `System.Debug`. */
export function isDebugging(variables: Variables): boolean {
  return variables.value('System.Debug')?.toLowerCase() === 'true';
}

/** A variable's name in the environment of a step: `Build.SourceVersion` becomes `BUILD_SOURCEVERSION`. */
export function environmentName(name: string): string {
  return name.replace(/[. ]/g, '_').toUpperCase();
}

/** The variables as every step finds them in its environment; secrets are not among them. */
export function variableEnvironment(variables: Variables): Readonly<Record<string, string>> {
  const open = variables.all().filter(({ isSecret }) => !isSecret);
  return Object.fromEntries(open.map(({ name, value }) => [environmentName(name), value]));
}

/** The secrets as only tasks find them: `SECRET_<NAME>`, which task-lib moves into its vault. */
export function secretEnvironment(variables: Variables): Readonly<Record<string, string>> {
  const secret = variables.all().filter(({ isSecret }) => isSecret);
  const open = variables.all().filter(({ isSecret }) => !isSecret);
  return {
    ...Object.fromEntries(secret.map(({ name, value }) => [`SECRET_${environmentName(name)}`, value])),
    VSTS_PUBLIC_VARIABLES: JSON.stringify(open.map(({ name }) => name)),
    VSTS_SECRET_VARIABLES: JSON.stringify(secret.map(({ name }) => name)),
  };
}
