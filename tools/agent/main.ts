// npm run pipeline -- FILE [option …]: runs an Azure Pipelines file on this machine.
import { parseArgs } from 'node:util';
import { DeliveryError, messageOf } from '../../lib/errors/delivery-error.ts';
import { readConnections } from './connections-file.ts';
import { runPipeline } from './pipeline.ts';

const USAGE = `usage: npm run pipeline -- FILE [option …]

  --connections FILE     service connections, in YAML
  --var NAME=VALUE       a variable; wins over the one in the file
  --secret NAME=ENV      a secret variable, taken from the environment variable ENV
  --param NAME=VALUE     a parameter of the pipeline
  --repository NAME=FOLDER
                         where a repository lies that templates come from
  --source FOLDER        the folder to check out; else the git repository of FILE
  --working-tree         check out the files as they lie there, not as they were committed
  --node 24|20           the Node.js that runs the tasks; else 24
  --tasks FOLDER         packed tasks; else dist/tasks

See docs/local-agent.md.`;

/** The exit code of a shell whose program was interrupted. */
const CANCELED = 130;
/** npm and the terminal both pass on one Ctrl-C; signals within so many milliseconds are one. */
const SAME_KEYSTROKE = 1000;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      connections: { type: 'string' },
      var: { type: 'string', multiple: true, default: [] },
      secret: { type: 'string', multiple: true, default: [] },
      param: { type: 'string', multiple: true, default: [] },
      repository: { type: 'string', multiple: true, default: [] },
      source: { type: 'string' },
      'working-tree': { type: 'boolean', default: false },
      node: { type: 'string', default: '24' },
      tasks: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const [file, ...others] = positionals;
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (file === undefined || others.length > 0 || (values.node !== '24' && values.node !== '20')) {
    console.error(USAGE);
    return 2;
  }
  const { result } = await runPipeline({
    file,
    connections: values.connections === undefined ? [] : await readConnections(values.connections),
    variables: pairs('--var', values.var),
    secrets: fromEnvironment(pairs('--secret', values.secret)),
    parameters: pairs('--param', values.param),
    repositories: pairs('--repository', values.repository),
    workingTree: values['working-tree'],
    node: values.node,
    ...(values.source === undefined ? {} : { source: values.source }),
    ...(values.tasks === undefined ? {} : { tasks: values.tasks }),
    onLine: (line) => process.stdout.write(`${line}\n`),
    signal: interruption(),
  });
  if (result === 'Canceled') return CANCELED;
  return result === 'Failed' ? 1 : 0;
}

function pairs(option: string, texts: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    texts.map((text) => {
      const equals = text.indexOf('=');
      if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
      throw new DeliveryError('OPTION_INVALID', {
        message: `${option} ${text} has no name and value.`,
        remedy: 'Write NAME=VALUE.',
      });
    }),
  );
}

function fromEnvironment(names: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(names).map(([name, variable]) => {
      const value = process.env[variable];
      if (value !== undefined) return [name, value];
      throw new DeliveryError('OPTION_INVALID', {
        message: `The environment variable ${variable} of --secret ${name} is not set.`,
        remedy: `Set ${variable} before you run the pipeline.`,
      });
    }),
  );
}

/** Ctrl-C cancels the run once; a second one ends the agent itself. */
function interruption(): AbortSignal {
  const cancellation = new AbortController();
  let cancelledAt = Infinity;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (performance.now() - cancelledAt > SAME_KEYSTROKE) process.exit(CANCELED);
      if (cancellation.signal.aborted) return;
      cancelledAt = performance.now();
      process.stdout.write('\nCancelling: the step is asked to stop. Press Ctrl-C again to end at once.\n');
      cancellation.abort();
    });
  }
  return cancellation.signal;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof DeliveryError ? `${error.code}: ${error.message} ${error.remedy}` : messageOf(error));
  process.exitCode = 2;
}
