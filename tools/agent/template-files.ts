// Where the templates lie that a pipeline names.
import { readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

export interface TemplateFile {
  /** Name of the repository as the pipeline knows it; its own is `self`. */
  readonly repository: string;
  readonly path: string;
}

export interface TemplateFiles {
  /** Folders of the repositories by their names. */
  readonly repositories: Readonly<Record<string, string>>;
  /**
   * The text of a file; undefined where there is none. Not asynchronous, since whether a template is wanted at all
   * may hang on expressions that are met while a pipeline is read.
   */
  read(path: string): string | undefined;
}

/** The files of this machine. */
export function templateFiles(repositories: Readonly<Record<string, string>>): TemplateFiles {
  return {
    repositories,
    read: (path) => {
      try {
        return readFileSync(path, 'utf8');
      } catch {
        return undefined;
      }
    },
  };
}

/**
 * The file that a reference means: `path`, from the folder of the file that names it; `/path`, from the root of that file's
 * repository; `path@name`, from the root of another one. Undefined where the repository is not known.
 */
export function referredFile(
  reference: string,
  from: TemplateFile,
  repositories: Readonly<Record<string, string>>,
): TemplateFile | undefined {
  const at = reference.lastIndexOf('@');
  const repository = at < 0 ? from.repository : reference.slice(at + 1);
  const path = at < 0 ? reference : reference.slice(0, at);
  if (at < 0 && !path.startsWith('/')) return { repository, path: resolve(dirname(from.path), path) };
  const root = repositories[repository];
  return root === undefined ? undefined : { repository, path: join(resolve(root), path) };
}

/** A path as errors show it. */
export function shownPath(path: string): string {
  const below = relative(process.cwd(), resolve(path));
  return below.startsWith('..') ? path : below;
}
