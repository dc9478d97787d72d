import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Binding, type Editor, type Option, optionsOf } from '../../support/drop-downs.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const ANSWERS = join(import.meta.dirname, '..', '..', 'support', 'arm-answers');
const SUBSCRIPTION = '00000000-0000-0000-0000-000000000001';

interface Task {
  readonly name: string;
  readonly inputs: readonly {
    readonly name: string;
    readonly type: string;
    readonly properties?: Readonly<Record<string, string>>;
  }[];
  readonly dataSourceBindings?: readonly Binding[];
}

const TASKS = globSync('tasks/*/task.json', { cwd: ROOT }).map(
  (file) => JSON.parse(readFileSync(join(ROOT, file), 'utf8')) as Task,
);
const BINDINGS = TASKS.flatMap((task) => (task.dataSourceBindings ?? []).map((binding) => ({ task, binding })));

/** Lists that Azure Pipelines has in its service connection type AzureRM; an entry of a task may shape them by a template of its own. */
const NAMED: Readonly<Record<string, Pick<Binding, 'endpointUrl' | 'resultSelector' | 'resultTemplate'>>> = {
  AzureStorageAccountRM: {
    endpointUrl:
      '{{{endpoint.url}}}/subscriptions/{{{endpoint.subscriptionId}}}/providers/Microsoft.Storage/storageAccounts',
    resultSelector: 'jsonpath:$.value[*]',
    resultTemplate: '{{{name}}}',
  },
  AzureStorageContainer: {
    endpointUrl: 'containers',
    resultSelector: 'jsonpath:$.Containers[*]',
    resultTemplate: '{{{Name}}}',
  },
  AzureRMContainerRegistries: {
    endpointUrl:
      '{{{endpoint.url}}}/subscriptions/{{{endpoint.subscriptionId}}}/providers/Microsoft.ContainerRegistry/registries',
    resultSelector: 'jsonpath:$.value[*]',
    resultTemplate: '{{{name}}}',
  },
  // The registry's own lists: names as they are, without a template of ours.
  AzureContainerRegistryImages: {},
  AzureContainerRegistryTags: {},
};

function answer(file: string): unknown {
  return JSON.parse(readFileSync(join(ANSWERS, file), 'utf8'));
}

/** Azure as recorded. */
function ask(url: string): unknown {
  if (url === 'containers') return { Containers: [{ Name: 'models' }, { Name: 'training' }] };
  const { pathname, searchParams, origin } = new URL(url);
  assert.equal(origin, 'https://management.azure.com');
  assert.ok(pathname.startsWith(`/subscriptions/${SUBSCRIPTION}/`), url);
  if (pathname.endsWith('/storageAccounts')) return answer('storage-accounts.json');
  if (pathname.endsWith('/registries')) return answer('container-registries.json');
  assert.match(pathname, /Microsoft\.ContainerService\/managedClusters$/);
  assert.match(searchParams.get('api-version') ?? '', /^\d{4}-\d\d-\d\d$/);
  const isLast = searchParams.get('$skipToken') === 'MTIz' || pathname.includes('/resourceGroups/');
  return answer(isLast ? 'managed-clusters-2.json' : 'managed-clusters.json');
}

const EDITOR: Editor = {
  endpoint: { url: 'https://management.azure.com', subscriptionId: SUBSCRIPTION },
  inputs: { resourceGroup: 'rg2' },
  ask,
};
const plain = (...values: readonly string[]): readonly Option[] => values.map((value) => ({ value, label: value }));
const EXPECTED: Readonly<Record<string, readonly Option[]>> = {
  storageAccount: plain('sto1125', 'sto3699'),
  container: plain('models', 'training'),
  // The host's usual ending is left out; clouds of their own keep theirs.
  registry: [
    { value: 'myregistry', label: 'myRegistry' },
    { value: 'sovereign.azurecr.cn', label: 'sovereign' },
  ],
  resourceGroup: plain('rg1', 'rg2'),
  cluster: plain('clustername2'),
};

describe('the drop-downs of the classic editor', () => {
  for (const { task, binding } of BINDINGS) {
    it(`${task.name}: ${binding.target} shows what Azure answers, may be typed into, and asks by a connection of the task`, () => {
      const input = task.inputs.find(({ name }) => name === binding.target);
      assert.equal(input?.type, 'pickList');
      assert.equal(input.properties?.EditableOptions, 'True');
      const [, connection] = /^\$\((\w+)\)$/.exec(binding.endpointId) ?? [];
      assert.equal(task.inputs.find(({ name }) => name === connection)?.type, 'connectedService:AzureRM');
      for (const value of Object.values(binding.parameters ?? {})) {
        const [, name] = /^\$\((\w+)\)$/.exec(value) ?? [];
        assert.ok(
          task.inputs.some((other) => other.name === name),
          value,
        );
      }
      const named = binding.dataSourceName === undefined ? {} : NAMED[binding.dataSourceName];
      assert.ok(named !== undefined, `${binding.dataSourceName ?? ''} is no list of the connection type`);
      if (binding.endpointUrl === undefined && named.endpointUrl === undefined) return;
      const kind = binding.target.replace(/^baseRegistry$/, 'registry');
      assert.deepEqual(optionsOf({ ...named, ...binding }, EDITOR), EXPECTED[kind]);
    });
  }
});
