import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { Ajv } from 'ajv';
import { extensionPackage, sizeOfPng } from '../support/extension-package.ts';
import { inputsReadBy, outputsSetBy } from '../support/task-surface.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const TASKS = globSync('*/task.json', { cwd: join(ROOT, 'tasks') })
  .map(dirname)
  .sort();
const MOST_BYTES = 3_000_000;

interface TaskInput {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly type: string;
  readonly label: string;
  readonly helpMarkDown?: string;
  readonly groupName?: string;
  readonly visibleRule?: string;
  readonly defaultValue?: string | boolean;
  readonly options?: Readonly<Record<string, string>>;
}

interface TaskManifest {
  readonly id: string;
  readonly name: string;
  readonly version: { readonly Major: number; readonly Minor: number; readonly Patch: number };
  readonly instanceNameFormat: string;
  readonly groups: readonly { readonly name: string; readonly visibleRule?: string }[];
  readonly inputs: readonly TaskInput[];
  readonly dataSourceBindings?: readonly { readonly target: string; readonly endpointId: string }[];
  readonly outputVariables: readonly { readonly name: string }[];
  readonly execution: Readonly<Record<string, { readonly target: string }>>;
  readonly restrictions: { readonly settableVariables: { readonly allowed: readonly string[] } };
}

interface ExtensionManifest {
  readonly name: string;
  readonly description: string;
  readonly contributions: readonly { readonly id: string; readonly properties: { readonly name: string } }[];
}

function read(...path: readonly string[]): unknown {
  return JSON.parse(readFileSync(join(ROOT, ...path), 'utf8'));
}

function manifestOf(task: string): TaskManifest {
  return read('tasks', task, 'task.json') as TaskManifest;
}

/** What a task asks about the model store. Some ask only where they need one. */
function storeOf({ inputs, dataSourceBindings }: TaskManifest): object {
  const own = inputs.filter(({ groupName }) => groupName === 'store');
  const rule = ({ visibleRule }: TaskInput): string =>
    (visibleRule ?? '').replace(/^(?:modelSource = store|requireLatestModel != false)(?: && |$)/, '');
  return {
    inputs: own.map((input) => ({ ...input, visibleRule: rule(input) })),
    dropDowns: dataSourceBindings?.filter(({ target }) => own.some(({ name }) => name === target)),
  };
}

/** What leads to a cluster. */
const CLUSTER_INPUTS = [
  ...['connectionType', 'kubernetesConnection', 'clusterSubscription'],
  ...['resourceGroup', 'cluster', 'useClusterAdmin', 'usePublicFqdn'],
];

/** What a task asks about the cluster. Whether it needs one, and what for, is its own, and told beside its connections. */
function clusterOf({ name: task, inputs, dataSourceBindings = [] }: TaskManifest): object {
  const own = CLUSTER_INPUTS.map(
    (name) =>
      inputs.find((input) => input.name === name || input.aliases?.includes(name) === true) ??
      assert.fail(`${task} has no input ${name}`),
  );
  const isConnection = ({ type }: TaskInput): boolean => type.startsWith('connectedService:');
  const connections = own.filter(isConnection);
  return {
    connections: connections.map(({ type, visibleRule }) => [type, visibleRule]),
    inputs: own.filter((input) => !isConnection(input)).map((input) => ({ ...input, groupName: 'cluster' })),
    dropDowns: dataSourceBindings
      .filter(({ target }) => CLUSTER_INPUTS.includes(target))
      .map(({ endpointId, ...list }) => ({
        ...list,
        isAskedByOwn: connections.some(({ name }) => endpointId === `$(${name})`),
      })),
  };
}

/** Inputs that a visible rule speaks of: `storageAuth = sas && layout = plain`. */
function namesInRule(rule: string): readonly string[] {
  return rule.split(/&&|\|\|/).map((part) => part.trim().split(/\s*(?:!?=|\bin\b|\bnotIn\b|\bcontains\b)/i)[0] ?? '');
}

describe('the package', () => {
  let files: ReadonlyMap<string, Buffer>;
  const text = (path: string): string => files.get(path)?.toString('utf8') ?? assert.fail(`no ${path} in the package`);

  before(async () => {
    files = await extensionPackage();
  });

  it('holds the tasks, the pictures, the overview, the licence and the manifest, and nothing else', () => {
    const pictures = globSync('images/*.png', { cwd: ROOT });
    assert.deepEqual(
      [...files.keys()].sort(),
      [
        ...TASKS.flatMap((task) =>
          ['icon.png', 'index.js', 'lib.json', 'task.json'].map((file) => `tasks/${task}/${file}`),
        ),
        ...pictures,
        // The last two are the container format's own.
        ...['overview.md', 'LICENSE', 'extension.vsomanifest', 'extension.vsixmanifest', '[Content_Types].xml'],
      ].sort(),
    );
  });

  it('contributes every task', () => {
    const { contributions } = JSON.parse(text('extension.vsomanifest')) as ExtensionManifest;
    assert.deepEqual(
      contributions.map(({ id, properties }) => [id, properties.name]),
      TASKS.map((task) => [task, `tasks/${task}`]),
    );
  });

  it('has one version: of the extension, of package.json and of each task', () => {
    const { version } = read('package.json') as { version: string };
    assert.match(text('extension.vsixmanifest'), new RegExp(`<Identity[^>]* Version="${version}"`));
    for (const task of TASKS) {
      const { Major, Minor, Patch } = (JSON.parse(text(`tasks/${task}/task.json`)) as TaskManifest).version;
      assert.equal(`${Major}.${Minor}.${Patch}`, version, task);
    }
  });

  it('keeps each task within 3 MB', () => {
    for (const task of TASKS) {
      const own = [...files].filter(([path]) => path.startsWith(`tasks/${task}/`));
      const bytes = own.reduce((sum, [, content]) => sum + content.length, 0);
      assert.ok(bytes <= MOST_BYTES, `${task} has ${bytes} bytes`);
    }
  });

  it('has icons of the sizes that Azure DevOps shows', () => {
    assert.deepEqual(sizeOfPng(files.get('images/extension-icon.png') ?? Buffer.alloc(0)), [128, 128]);
    for (const task of TASKS) {
      assert.deepEqual(sizeOfPng(files.get(`tasks/${task}/icon.png`) ?? Buffer.alloc(0)), [32, 32], task);
    }
  });

  it('shows only pictures that it holds, all PNG, for the Marketplace refuses others', () => {
    const shown = [...text('overview.md').matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)].map(([, path = '']) => path);
    assert.ok(shown.length > 0, 'the overview shows no picture');
    for (const path of shown) {
      assert.match(path, /\.png$/);
      assert.ok(files.has(path), `${path} is not in the package`);
    }
  });

  it('keeps to the limits that the Marketplace sets on what it shows', () => {
    const { name, description } = read('vss-extension.json') as ExtensionManifest;
    assert.ok(description.length <= 200, `the description has ${description.length} characters`);
    assert.doesNotMatch(name, /azure|microsoft|docker|kubernetes/i, 'a brand in the name');
  });

  it('tells nothing of the machine that built it, and no secret', () => {
    const places = [ROOT, `${homedir()}/`];
    const secrets = [/PRIVATE KEY-----\s*[\w+/]{40}/, /\beyJ[\w-]{20,}\.eyJ[\w-]{20,}/, /\bsig=[\w%]{40,}/];
    for (const [path, content] of files) {
      const text = content.toString('latin1');
      for (const place of places) assert.ok(!text.includes(place), `${path} names ${place}`);
      for (const secret of secrets) assert.ok(!secret.test(text), `${path} holds ${secret.source}`);
    }
  });
});

describe('each task.json', () => {
  const valid = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(
    read('test', 'support', 'task-json.schema.json') as object,
  );
  let outputs: ReadonlyMap<string, ReadonlySet<string>>;

  before(() => {
    outputs = outputsSetBy(TASKS);
  });

  it('belongs to a task of its own name and id', () => {
    const manifests = TASKS.map(manifestOf);
    assert.deepEqual(
      manifests.map(({ name }) => name),
      TASKS,
    );
    assert.equal(new Set(manifests.map(({ id }) => id)).size, TASKS.length);
  });

  it('means the same by an input wherever it stands', () => {
    const kinds = new Map<string, string>();
    for (const task of TASKS) {
      for (const { name, type, options } of manifestOf(task).inputs) {
        // What a task can do is its own; how that is asked is not.
        const kind = JSON.stringify({ type, options: name === 'action' ? undefined : options });
        assert.equal(kind, kinds.get(name) ?? kind, `${name} of ${task} is another kind of input than before`);
        kinds.set(name, kind);
      }
    }
  });

  it('asks for the model store in the same words in every task that has one', () => {
    const stores = TASKS.map(manifestOf).filter(({ groups }) => groups.some(({ name }) => name === 'store'));
    assert.deepEqual(
      stores.map(({ name }) => name),
      ['BundleModelImage', 'FetchLatestModel', 'PublishModel', 'ResolveLatestImage'],
    );
    const [first, ...others] = stores.map(storeOf);
    for (const other of others) assert.deepEqual(other, first);
  });

  it('asks for the cluster in the same words, and by names that both tasks take', () => {
    assert.deepEqual(clusterOf(manifestOf('ResolveLatestImage')), clusterOf(manifestOf('RolloutToAKS')));
  });

  for (const task of TASKS) {
    describe(task, () => {
      const manifest = manifestOf(task);
      const inputNames = manifest.inputs.map(({ name }) => name);

      it('is valid by the schema of task.json', () => {
        assert.ok(valid(manifest), JSON.stringify(valid.errors, null, 2));
      });

      it('declares every input that the task reads, and none that it does not', async () => {
        assert.deepEqual([...(await inputsReadBy(task))].sort(), [...inputNames].sort());
      });

      it('lets the task set its outputs, all of them, and nothing else', () => {
        const declared = manifest.outputVariables.map(({ name }) => name).sort();
        assert.deepEqual([...(outputs.get(task) ?? [])].sort(), declared);
        assert.deepEqual([...manifest.restrictions.settableVariables.allowed].sort(), declared);
      });

      it('speaks only of groups and inputs that exist', () => {
        const groups = manifest.groups.map(({ name }) => name);
        for (const { name, groupName } of manifest.inputs) {
          if (groupName !== undefined) assert.ok(groups.includes(groupName), `${name} is in no group ${groupName}`);
        }
        const ruled = [...manifest.groups, ...manifest.inputs];
        for (const named of ruled.flatMap(({ visibleRule }) =>
          visibleRule === undefined ? [] : namesInRule(visibleRule),
        )) {
          assert.ok(inputNames.includes(named), `a visible rule speaks of ${named}`);
        }
        for (const [, named = ''] of manifest.instanceNameFormat.matchAll(/\$\((\w+)\)/g)) {
          assert.ok(inputNames.includes(named), `instanceNameFormat speaks of ${named}`);
        }
      });

      it('offers defaults that can be chosen', () => {
        for (const { name, options, defaultValue } of manifest.inputs) {
          if (options === undefined || defaultValue === undefined) continue;
          assert.ok(Object.keys(options).includes(String(defaultValue)), `${name} defaults to ${String(defaultValue)}`);
        }
      });
    });
  }
});
