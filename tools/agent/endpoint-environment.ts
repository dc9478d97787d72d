// Service connections as the agent hands them to a task: in its environment.
import { createHash } from 'node:crypto';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { nearest } from './nearest.ts';
import type { TaskDefinition } from './task-definition.ts';

/** A service connection with the field names that its endpoint type really has. */
export interface Connection {
  readonly name: string;
  /** Endpoint type, such as `kubernetes`, `dockerregistry` or `AzureRM`. */
  readonly type: string;
  readonly url?: string;
  readonly authorization: { readonly scheme: string; readonly parameters: Readonly<Record<string, string>> };
  readonly data?: Readonly<Record<string, string>>;
}

/** The run's own connection to Azure Pipelines, which the agent gives to every task. */
const OWN_CONNECTION = 'SystemVssConnection';

/** The id by which tasks know a connection: a GUID, the same in every run. */
export function connectionId(name: string): string {
  if (isOwn(name)) return OWN_CONNECTION.toUpperCase();
  const hex = createHash('sha256').update(`connection ${name}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** Everything about connections that must never be printed; URLs, names and schemes may be. */
export function connectionSecrets(connections: readonly Connection[]): readonly string[] {
  return connections.flatMap(({ authorization: { parameters } }) =>
    Object.entries(parameters).flatMap(([key, value]) => (OPEN_PARAMETERS.has(key.toLowerCase()) ? [] : [value])),
  );
}

/** Parameters that the real service does not treat as confidential either. */
const OPEN_PARAMETERS: ReadonlySet<string> = new Set(
  'tenantid serviceprincipalid authenticationtype username registry loginserver email clustercontext region role scope'.split(
    ' ',
  ),
);

function isOwn(name: string): boolean {
  return name.toLowerCase() === OWN_CONNECTION.toLowerCase();
}

/**
 * Replaces names of connections in a task's inputs by their ids and gives the environment that describes them. Only
 * connections that an input names are handed over, and the run's own.
 *
 * Throws `CONNECTION_UNKNOWN` or `CONNECTION_TYPE`, naming the input and the connection.
 */
export function resolveConnections(
  task: TaskDefinition,
  values: Readonly<Record<string, string>>,
  connections: readonly Connection[],
): { readonly values: Readonly<Record<string, string>>; readonly environment: Readonly<Record<string, string>> } {
  const used = task.inputs.flatMap((input) => {
    const [kind, type] = input.type.split(':');
    const value = values[input.name] ?? '';
    if (kind?.toLowerCase() !== 'connectedservice' || value === '') return [];
    return [{ input: input.name, connection: find(connections, { name: value, type, input: input.name }) }];
  });
  const ids = Object.fromEntries(used.map(({ input, connection }) => [input, connectionId(connection.name)]));
  const handedOver = [...used.map(({ connection }) => connection), ...connections.filter(({ name }) => isOwn(name))];
  const environments = handedOver.map(endpointEnvironment);
  return { values: { ...values, ...ids }, environment: Object.assign({}, ...environments) as Record<string, string> };
}

function find(
  connections: readonly Connection[],
  wanted: { readonly name: string; readonly type: string | undefined; readonly input: string },
): Connection {
  const connection = connections.find(({ name }) => name.toLowerCase() === wanted.name.toLowerCase());
  if (connection === undefined) {
    const names = connections.map(({ name }) => name);
    const guess = nearest(wanted.name, names);
    throw new DeliveryError('CONNECTION_UNKNOWN', {
      message: `The input ${wanted.input} names the service connection "${wanted.name}", which does not exist.`,
      remedy:
        guess === undefined
          ? `Add it to the connections file, which has: ${names.join(', ') || 'none'}.`
          : `Did you mean ${guess}?`,
    });
  }
  if (wanted.type !== undefined && wanted.type.toLowerCase() !== connection.type.toLowerCase()) {
    throw new DeliveryError('CONNECTION_TYPE', {
      message: `The input ${wanted.input} wants a ${wanted.type} connection; "${wanted.name}" is of type ${connection.type}.`,
      remedy: `Name a connection of type ${wanted.type}.`,
    });
  }
  return connection;
}

function endpointEnvironment({ name, url, authorization, data }: Connection): Readonly<Record<string, string>> {
  const id = connectionId(name);
  const keyed = (prefix: string, fields: Readonly<Record<string, string>>): readonly (readonly [string, string])[] =>
    Object.entries(fields).map(([key, value]) => [`${prefix}_${id}_${key.toUpperCase()}`, value]);
  return Object.fromEntries([
    ...(url === undefined ? [] : [[`ENDPOINT_URL_${id}`, url] as const]),
    [`ENDPOINT_AUTH_${id}`, JSON.stringify(authorization)],
    [`ENDPOINT_AUTH_SCHEME_${id}`, authorization.scheme],
    ...keyed('ENDPOINT_AUTH_PARAMETER', authorization.parameters),
    ...(data === undefined
      ? []
      : [[`ENDPOINT_DATA_${id}`, JSON.stringify(data)] as const, ...keyed('ENDPOINT_DATA', data)]),
  ]);
}
