import { type LockedPackage, LockFileError, type LockFileContent } from '../locked-package.ts';
import { fieldsOf, parseYaml } from './fields.ts';
import { requirementLines } from './python.ts';

/**
 * `[channel::]name==version`, `name=version=build` as `conda env export` writes it, or `name=1.2.3` as it does without builds.
 * To conda `name=1.2` means any 1.2, which pins nothing.
 */
const PINNED = /^(?:([\w./-]+)::)?([\w.-]+)\s*(?:==\s*([^\s=*]+)|=\s*([^\s=*]+)=(\S+)|=\s*(\d+\.\d+\.[^\s=*]+))$/;

/** Reads `environment.yml`: what conda installs, and what it has pip install. */
export async function readCondaEnvironment(text: string): Promise<LockFileContent> {
  const { dependencies } = await parseYaml(text);
  if (!Array.isArray(dependencies)) throw new LockFileError('it lists no dependencies');
  const specs = dependencies.filter((item) => typeof item === 'string').map((spec) => spec.trim());
  const ofPip = dependencies.map((item) => fieldsOf(item).pip).filter((list) => Array.isArray(list));
  const pip = requirementLines(
    ofPip.flat().filter((line) => typeof line === 'string'),
    'runtime',
  );
  const unpinned = specs.filter((spec) => !PINNED.test(spec)).map((spec) => spec.split(/[\s=<>!~[]/, 1)[0] ?? spec);
  return { packages: [...specs.flatMap(condaPackage), ...pip.packages], unpinned: [...unpinned, ...pip.unpinned] };
}

function condaPackage(spec: string): readonly LockedPackage[] {
  const [, channel, name, exact, withBuild, build, version = exact ?? withBuild] = PINNED.exec(spec) ?? [];
  if (name === undefined || version === undefined) return [];
  const qualifiers = { ...(build === undefined ? {} : { build }), ...(channel === undefined ? {} : { channel }) };
  return [{ type: 'conda', name, version, qualifiers, use: 'runtime' }];
}
