/** What a registry is shown to be let in, and where that comes from, such as `the service connection "shop"`. */
export type Login = { readonly from: string } & (
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** A token that the registry itself takes, sent as it is. */
  | { readonly kind: 'token'; readonly token: string }
  /** A token for the registry's token service, which gives one for each scope in exchange (OAuth 2). */
  | { readonly kind: 'refreshToken'; readonly username: string; readonly refreshToken: string }
  | AzureLogin
);

/** An identity of Microsoft Entra, which Azure Container Registry knows. */
export interface AzureLogin {
  readonly kind: 'azure';
  /** Who it is, for messages: `the application 1f0c…`. */
  readonly identity: string;
  /**
   * Gives a token of Microsoft Entra for registries.
   *
   * @param refused one that was not accepted, although it should have been valid
   */
  readonly token: (refused?: string) => Promise<string>;
}

/** The user name that goes with a refresh token where a password is asked for, by Azure's convention. */
export const NO_USERNAME = '00000000-0000-0000-0000-000000000000';

/** A login as a person would name it. */
export function nameOf(login: Login): string {
  switch (login.kind) {
    case 'password':
      return `the credentials of ${login.username}`;
    case 'token':
      return 'the token';
    case 'refreshToken':
      return login.username === NO_USERNAME ? 'the login' : `the login of ${login.username}`;
    case 'azure':
      return login.identity;
  }
}

/** Everything in a login that must never be shown. */
export function secretsOf(login: Login): readonly string[] {
  switch (login.kind) {
    case 'password':
      return [login.password, Buffer.from(`${login.username}:${login.password}`).toString('base64')];
    case 'token':
      return [login.token];
    case 'refreshToken':
      return [login.refreshToken];
    case 'azure':
      // Those of its connection are that one's matter.
      return [];
  }
}
