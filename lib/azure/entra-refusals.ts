// What to do about each refusal of Microsoft Entra, by its number (AADSTS…).

/** The claims of a federated assertion that a federated credential in Entra has to repeat. */
export interface Assertion {
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
}

/** Who was refused. */
export interface Refused {
  readonly tenantId: string;
  readonly clientId: string;
  readonly connectionId: string;
  /** What Azure Pipelines vouched for, in a federated sign-in. */
  readonly assertion: Assertion | undefined;
}

/** An error's code and its remedy for whoever was refused. */
export interface RefusalAnswer {
  readonly code: string;
  readonly remedy: (refused: Refused) => string;
}

const OR_FEDERATE = 'or convert the connection to workload identity federation, which has no secret';

const FEDERATION_MISSING: RefusalAnswer = {
  code: 'AZURE_FEDERATION_MISSING',
  remedy: ({ clientId, assertion }) => {
    const fields =
      assertion === undefined
        ? 'the issuer and subject that the service connection shows'
        : `issuer ${assertion.issuer}, subject ${assertion.subject} and audience ${assertion.audience}`;
    return `Add to the application ${clientId} a federated credential with ${fields}.`;
  },
};
const ASSERTION_EXPIRED: RefusalAnswer = {
  code: 'AZURE_ASSERTION_EXPIRED',
  remedy: () => "Check the clock of the agent's machine, and run again.",
};
const APPLICATION_NOT_FOUND: RefusalAnswer = {
  code: 'AZURE_IDENTITY_NOT_FOUND',
  remedy: ({ connectionId, tenantId }) =>
    `Check tenant and application of the connection "${connectionId}": the application must exist in the tenant ${tenantId}.`,
};
const TENANT_NOT_FOUND: RefusalAnswer = {
  code: 'AZURE_IDENTITY_NOT_FOUND',
  remedy: ({ connectionId }) =>
    `Check the tenant of the connection "${connectionId}", and that it belongs to the connection's cloud.`,
};
const BLOCKED_BY_POLICY: RefusalAnswer = {
  code: 'AZURE_SIGN_IN_BLOCKED',
  remedy: ({ tenantId }) =>
    `Have the Conditional Access policy of the tenant ${tenantId} allow this identity from the agent's network.`,
};
const RESOURCE_UNKNOWN: RefusalAnswer = {
  code: 'AZURE_RESOURCE_UNKNOWN',
  remedy: ({ connectionId, tenantId }) =>
    `Check the environment of the connection "${connectionId}", and that the tenant ${tenantId} has that service.`,
};

// https://learn.microsoft.com/entra/identity-platform/reference-error-codes
const ANSWERS: Readonly<Partial<Record<number, RefusalAnswer>>> = {
  /** The secret is not the application's. */
  7000215: {
    code: 'AZURE_SECRET_REFUSED',
    remedy: ({ clientId }) =>
      `Put the value (not the id) of a secret of the application ${clientId} into the connection, ${OR_FEDERATE}.`,
  },
  /** The secret has expired. */
  7000222: {
    code: 'AZURE_SECRET_EXPIRED',
    remedy: ({ clientId }) =>
      `Make a new secret for the application ${clientId} and put it into the connection, ${OR_FEDERATE}.`,
  },
  /** The certificate that signed is not, or no longer, the application's. */
  700027: {
    code: 'AZURE_CERTIFICATE_REFUSED',
    remedy: ({ clientId }) =>
      `Upload the certificate to the application ${clientId} (Certificates & secrets), ${OR_FEDERATE}.`,
  },
  /** No federated credential matches; or its issuer, audience or subject does not. */
  70021: FEDERATION_MISSING,
  700211: FEDERATION_MISSING,
  700212: FEDERATION_MISSING,
  700213: FEDERATION_MISSING,
  /** The assertion is not valid yet, or no longer. */
  700024: ASSERTION_EXPIRED,
  500133: ASSERTION_EXPIRED,
  /** The application, or its service principal, is not in the tenant. */
  700016: APPLICATION_NOT_FOUND,
  7000229: APPLICATION_NOT_FOUND,
  /** There is no such tenant, or this is not the name of one. */
  90002: TENANT_NOT_FOUND,
  900023: TENANT_NOT_FOUND,
  /** The application is disabled. */
  7000112: {
    code: 'AZURE_SIGN_IN_BLOCKED',
    remedy: ({ clientId }) => `Enable the application ${clientId} in Microsoft Entra.`,
  },
  53003: BLOCKED_BY_POLICY,
  530035: BLOCKED_BY_POLICY,
  /** The tenant knows no such resource, or has not subscribed to it. */
  500011: RESOURCE_UNKNOWN,
  650052: RESOURCE_UNKNOWN,
};

const UNKNOWN: RefusalAnswer = {
  code: 'AZURE_SIGN_IN_REFUSED',
  remedy: ({ connectionId }) =>
    `Look the number up at https://login.microsoftonline.com/error, and check the service connection "${connectionId}".`,
};

/** What to do about a refusal of this number; undefined, where Entra gave none. */
export function answerTo(number: number | undefined): RefusalAnswer {
  return (number === undefined ? undefined : ANSWERS[number]) ?? UNKNOWN;
}
