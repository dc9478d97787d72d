/** The extension's own facts, as vss-extension.json has them; passed on untouched. */
export type ExtensionFacts = Readonly<Record<string, unknown>>;

/** What tfx is told of one file or folder of the package. */
interface PackagedPath {
  readonly path: string;
  readonly addressable?: boolean;
}

/** A contribution by which Azure DevOps finds a task. */
interface TaskContribution {
  readonly id: string;
  readonly type: 'ms.vss-distributed-task.task';
  readonly targets: readonly ['ms.vss-distributed-task.tasks'];
  readonly properties: { readonly name: string };
}

/** A whole manifest, ready for tfx. */
export type ExtensionManifest = ExtensionFacts & {
  readonly version: string;
  readonly files: readonly PackagedPath[];
  readonly contributions: readonly TaskContribution[];
};

/**
 * Completes vss-extension.json with what follows from the rest of the project, so that it stands in one place only:
 * the version of package.json and one contribution for each task folder.
 */
export function extensionManifest(
  facts: ExtensionFacts,
  { version, tasks }: { readonly version: string; readonly tasks: readonly string[] },
): ExtensionManifest {
  return {
    ...facts,
    version,
    // The overview shows pictures by their address, so these are addressable.
    files: [{ path: 'tasks' }, { path: 'images', addressable: true }],
    contributions: tasks.map((name) => ({
      id: name,
      type: 'ms.vss-distributed-task.task',
      targets: ['ms.vss-distributed-task.tasks'],
      properties: { name: `tasks/${name}` },
    })),
  };
}
