import { code, facts } from '../../lib/agent/markdown.ts';
import { formatBytes, formatRate } from '../../lib/agent/quantities.ts';
import { totalSize } from '../../lib/model/model-digest.ts';
import type { Published } from '../../lib/model/publish.ts';

/** The page that the run's summary tab shows of a publication. */
export function summaryOf(published: Published, channel: string | undefined, seconds: number): string {
  const { result, manifest, uri } = published;
  const size = totalSize(manifest.files);
  const how =
    result === 'unchanged'
      ? 'this version was there already, with the same content'
      : `${formatBytes(size)} in ${seconds.toFixed(1)} s, ${formatRate(size, seconds * 1000)}`;
  return [
    `## Model ${code(manifest.name)} ${code(manifest.version)}`,
    facts([
      ['Result', `${result}: ${how}`],
      ['Identity', code(manifest.digest)],
      ['At', code(uri)],
      ['Files', `${manifest.files.length}, ${formatBytes(size)}`],
      ...(channel === undefined ? [] : [['Channel', channelFact(published, channel)] as const]),
      ...Object.entries({ ...manifest.source, ...manifest.properties }).map(
        ([key, value]) => [code(key), code(value)] as const,
      ),
    ]),
    '',
  ].join('\n\n');
}

function channelFact({ manifest, channel: move }: Published, channel: string): string {
  const now = `${code(channel)} names ${code(manifest.version)}`;
  if (move?.moved !== true) return `${now}, as before`;
  return move.previous === undefined ? now : `${now}, before it was ${code(move.previous)}`;
}
