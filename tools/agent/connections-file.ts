// Service connections of the local agent, from a YAML file with the fields that the real ones have.
import { readFile } from 'node:fs/promises';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import type { Connection } from './endpoint-environment.ts';
import { parseYaml, type YamlValue } from './yaml-value.ts';

/**
 * Reads a connections file. A value may be `{ env: NAME }`, so that no secret has to stand in a file.
 *
 * Throws `CONNECTIONS_UNREADABLE`, or `YAML_INVALID` with the line of what is wrong.
 */
export async function readConnections(file: string): Promise<readonly Connection[]> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new DeliveryError('CONNECTIONS_UNREADABLE', {
      message: `The connections file ${file} cannot be read.`,
      remedy: 'Check its path.',
      cause,
    });
  });
  return parseConnections(text, file, process.env);
}

/** The same from a text, with the environment that `{ env: NAME }` refers to. */
export function parseConnections(text: string, file: string, env: NodeJS.ProcessEnv): readonly Connection[] {
  const { connections } = parseYaml(text, file, 'the connections file').fields(['connections']);
  const entries = connections?.list() ?? [];
  return entries.map((entry, index) => {
    const connection = readConnection(entry, env);
    const names = entries.slice(0, index).map((other) => readConnection(other, env).name.toLowerCase());
    if (names.includes(connection.name.toLowerCase())) {
      entry.refuse(`there are two connections of the name ${connection.name}`, 'Rename one of them.');
    }
    return connection;
  });
}

function readConnection(entry: YamlValue, env: NodeJS.ProcessEnv): Connection {
  const fields = entry.fields(['name', 'type', 'url', 'authorization', 'data']);
  const name = value(required(entry, fields.name, 'name'), env);
  const authorization = required(entry, fields.authorization, 'authorization');
  const { scheme, parameters } = authorization.fields(['scheme', 'parameters']);
  return {
    name,
    type: value(required(entry, fields.type, 'type'), env),
    ...(fields.url === undefined ? {} : { url: value(fields.url, env) }),
    authorization: {
      scheme: value(required(authorization, scheme, 'scheme'), env),
      parameters: values(parameters, env),
    },
    data: values(fields.data, env),
  };
}

function required(owner: YamlValue, field: YamlValue | undefined, name: string): YamlValue {
  return field ?? owner.refuse(`the ${name} is missing`, `Add ${name}.`);
}

function values(field: YamlValue | undefined, env: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  return Object.fromEntries([...(field?.entries() ?? [])].map(([name, entry]) => [name, value(entry, env)]));
}

function value(entry: YamlValue, env: NodeJS.ProcessEnv): string {
  if (entry.isText) return entry.text();
  const name = entry.fields(['env']).env?.text() ?? '';
  return (
    env[name] ?? entry.refuse(`the environment variable ${name} is not set`, `Set ${name} before you run the pipeline.`)
  );
}
