import { code, facts, table } from '../../lib/agent/markdown.ts';
import { formatBytes, formatRate } from '../../lib/agent/quantities.ts';
import type { Judged } from '../../lib/model/deprecate.ts';
import type { Manifest } from '../../lib/model/manifest.ts';
import { totalSize } from '../../lib/model/model-digest.ts';
import type { PickleScan } from '../../lib/model/pickle/scan.ts';
import type { Promoted } from '../../lib/model/promote.ts';
import type { Pruned, Pruning } from '../../lib/model/prune.ts';
import type { Published } from '../../lib/model/publish.ts';

type Row = readonly [string, string];

/** The page that the run's summary tab shows of a publication. */
export function publicationSummary(published: Published, channel: string | undefined, seconds: number): string {
  const { result, manifest, scan, resumed } = published;
  const size = totalSize(manifest.files);
  const sent = size - resumed;
  const how =
    result === 'unchanged'
      ? 'this version was there already, with the same content'
      : `${formatBytes(sent)} in ${seconds.toFixed(1)} s, ${formatRate(sent, seconds * 1000)}`;
  return page(`## Model ${code(manifest.name)} ${code(manifest.version)}`, [
    facts([
      ['Result', `${result}: ${how}`],
      ...(resumed === 0 ? [] : [['Taken over from an attempt before', formatBytes(resumed)] as const]),
      ...versionRows(published),
      ...(channel === undefined ? [] : [['Channel', channelFact(published, channel)] as const]),
      ...(scan === undefined ? [] : [['Pickles', pickleFact(scan)] as const]),
      ...Object.entries({ ...manifest.source, ...manifest.properties }).map(
        ([key, value]) => [code(key), code(value)] as const,
      ),
    ]),
    ...findingsTable(scan),
  ]);
}

/** The page of a promotion. */
export function promotionSummary(promoted: Promoted, channel: string): string {
  const { manifest, result } = promoted;
  return page(`## ${code(channel)} of ${code(manifest.name)} names ${code(manifest.version)}`, [
    facts([['Result', result], ['Channel', channelFact(promoted, channel)], ...versionRows(promoted)]),
  ]);
}

/** The page of a deprecation that was written or lifted. */
export function judgementSummary(judged: Judged, reason: string | undefined): string {
  const { manifest, result, channels } = judged;
  return page(`## Model ${code(manifest.name)} ${code(manifest.version)}: ${result}`, [
    facts([
      ['Result', result],
      ...(reason === undefined ? [] : [['Reason', code(reason)] as const]),
      ['Channels that name it', channels.length === 0 ? 'none' : channels.map(code).join(', ')],
      ...versionRows(judged),
    ]),
  ]);
}

/** The page of a prune: what goes, what stays, and why. */
export function pruneSummary({ model, keep, dryRun }: Pruning, { items, freed }: Pruned): string {
  const rows = items.map(({ version, what, verdict, why, created, size }) => [
    what === 'version' ? code(version) : `leftovers of ${code(version)}`,
    created?.toISOString().slice(0, 16).replace('T', ' ') ?? '',
    formatBytes(size),
    verdict === 'goes' ? `**${dryRun ? 'would go' : 'gone'}**` : 'stays',
    code(why),
  ]);
  return page(`## Model ${code(model)}: ${formatBytes(freed)} ${dryRun ? 'would be freed' : 'freed'}`, [
    dryRun
      ? `Nothing was removed: this was a dry run. With ${code('dryRun: false')} it keeps the newest ${keep} and what channels name.`
      : `The newest ${keep} stay, and what channels name.`,
    table(['Version', 'Created (UTC)', 'Size', 'Verdict', 'Why'], rows),
  ]);
}

function page(title: string, parts: readonly string[]): string {
  return [title, ...parts, ''].join('\n\n');
}

function versionRows({ manifest, uri }: { readonly manifest: Manifest; readonly uri: string }): readonly Row[] {
  return [
    ['Identity', code(manifest.digest)],
    ['At', code(uri)],
    ['Files', `${manifest.files.length}, ${formatBytes(totalSize(manifest.files))}`],
  ];
}

function channelFact({ manifest, channel: move }: Pick<Published, 'manifest' | 'channel'>, channel: string): string {
  if (move?.newer !== undefined)
    return `${code(channel)} names ${code(move.newer)}, which was created later, as before`;
  const now = `${code(channel)} names ${code(manifest.version)}`;
  if (move?.moved !== true) return `${now}, as before`;
  return move.previous === undefined ? now : `${now}, before it was ${code(move.previous)}`;
}

function pickleFact({ pickles, findings }: PickleScan): string {
  if (findings.length > 0) return `${pickles} read, ${findings.length} findings`;
  return pickles === 0 ? 'none' : `${pickles} read, nothing found (which proves nothing: pickles are programs)`;
}

function findingsTable(scan: PickleScan | undefined): readonly string[] {
  if (scan === undefined || scan.findings.length === 0) return [];
  const rows = scan.findings.map(({ file, severity, what }) => [code(file), severity, code(what)]);
  return ['### What loading this model would do', table(['File', 'Severity', 'What'], rows)];
}
