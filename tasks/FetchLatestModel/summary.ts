import { code, facts, table } from '../../lib/agent/markdown.ts';
import { formatBytes, formatRate } from '../../lib/agent/quantities.ts';
import type { FetchedModel } from '../../lib/model/fetch.ts';
import { totalSize } from '../../lib/model/model-digest.ts';

/** A page need not be longer than a screen. */
const FILES_SHOWN = 20;

/** The page that the run's summary tab shows of a fetch. */
export function summaryOf(
  { result, path, name, version, digest, uri, properties, source, files }: FetchedModel,
  seconds: number,
): string {
  const size = totalSize(files);
  const how =
    result === 'unchanged'
      ? 'was there already, nothing downloaded'
      : `${formatBytes(size)} in ${seconds.toFixed(1)} s, ${formatRate(size, seconds * 1000)}`;
  const shown = files.slice(0, FILES_SHOWN).map((file) => [code(file.path), formatBytes(file.size), code(file.sha256)]);
  return [
    `## Model ${code(name)} ${code(version)}`,
    facts([
      ['Result', `${result}: ${how}`],
      ['Identity', code(digest)],
      ['From', code(uri)],
      ['Folder', code(path)],
      ...Object.entries({ ...source, ...properties }).map(([key, value]) => [code(key), code(value)] as const),
    ]),
    table(['File', 'Size', 'SHA-256'], shown),
    ...(files.length > FILES_SHOWN ? [`… and ${files.length - FILES_SHOWN} more files`] : []),
    '',
  ].join('\n\n');
}
