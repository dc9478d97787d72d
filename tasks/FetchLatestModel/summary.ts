import { code, facts, table } from '../../lib/agent/markdown.ts';
import { formatBytes, formatRate } from '../../lib/agent/quantities.ts';
import type { FetchedModel } from '../../lib/model/fetch.ts';
import { totalSize } from '../../lib/model/model-digest.ts';

/** A page need not be longer than a screen. */
const FILES_SHOWN = 20;

/** The page that the run's summary tab shows of a fetch. */
export function summaryOf(
  fetched: FetchedModel,
  { seconds, changed }: { readonly seconds: number; readonly changed: boolean },
): string {
  const { path, name, version, created, digest, uri, properties, source, files, warnings } = fetched;
  const shown = files.slice(0, FILES_SHOWN).map((file) => [code(file.path), formatBytes(file.size), code(file.sha256)]);
  return [
    `## Model ${code(name)} ${code(version)}`,
    ...warnings.map((warning) => `> ⚠ ${code(warning)}`),
    facts([
      ['Result', howItCame(fetched, seconds)],
      ['Changed', changed ? 'yes' : 'no'],
      ['Identity', code(digest)],
      ['Created', created.toISOString()],
      ['From', code(uri)],
      ['Folder', code(path)],
      ...Object.entries({ ...source, ...properties }).map(([key, value]) => [code(key), code(value)] as const),
    ]),
    table(['File', 'Size', 'SHA-256'], shown),
    ...(files.length > FILES_SHOWN ? [`… and ${files.length - FILES_SHOWN} more files`] : []),
    '',
  ].join('\n\n');
}

function howItCame({ result, files, downloaded, cached, resumed }: FetchedModel, seconds: number): string {
  if (result === 'unchanged') return 'unchanged: was there already, nothing downloaded';
  const size = totalSize(files);
  const others = [
    ...(cached > 0 ? [`${formatBytes(cached)} from the cache`] : []),
    ...(resumed > 0 ? [`${formatBytes(resumed)} left by an interrupted fetch`] : []),
  ];
  const detail = others.length === 0 ? '' : ` (${formatBytes(downloaded)} downloaded, ${others.join(', ')})`;
  return `fetched: ${formatBytes(size)} in ${seconds.toFixed(1)} s, ${formatRate(size, seconds * 1000)}${detail}`;
}
