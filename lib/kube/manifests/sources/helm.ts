import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { stringify } from 'yaml';
import { DeliveryError } from '../../../errors/delivery-error.ts';
import type { Capabilities } from '../../client/capabilities.ts';
import { nestedValues } from './helm-values.ts';
import type { ManifestText } from './manifest-text.ts';
import { render } from './rendering-program.ts';
import type { RenderingContext } from './rendering-program.ts';

/** A Helm chart and what it is rendered with. */
export interface Chart {
  /** A folder, a `.tgz` file or an `oci://` reference. */
  readonly chart: string;
  /** Of a chart in a registry; undefined: the newest. */
  readonly version: string | undefined;
  readonly releaseName: string;
  readonly namespace: string;
  /** Files with values, the later ones over the earlier ones. */
  readonly valueFiles: readonly string[];
  /** What the chart's templates are told of the cluster; undefined: what helm takes for usual. */
  readonly capabilities: Capabilities | undefined;
  /** Single values over those of the files, by their paths: `image.tag`. */
  readonly values: Readonly<Record<string, string>>;
}

/** Helm's own rule for names of releases. */
const RELEASE_NAME = /^(?=.{1,53}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const OCI_REFERENCE = /^oci:\/\/[\w.-]+(?::\d+)?(?:\/[\w.-]+)+(?:@sha256:[0-9a-f]{64})?$/;

/**
 * Renders a chart with the helm of this machine. Values never show in the list of processes, for they may be secret.
 *
 * @param root where relative paths begin
 * @throws DeliveryError `CHART_INVALID`, `RENDERING_PROGRAM_MISSING`, `RENDERING_FAILED`
 */
export async function renderChart(chart: Chart, root: string, context: RenderingContext): Promise<ManifestText> {
  if (!RELEASE_NAME.test(chart.releaseName)) {
    throw invalid(
      `The release name "${chart.releaseName}" is none for Helm`,
      'Use at most 53 small letters, digits and hyphens.',
    );
  }
  const isRemote = chart.chart.startsWith('oci://');
  const files = await Promise.all(chart.valueFiles.map((file) => existing(file, root, 'file')));
  const args = [
    'template',
    chart.releaseName,
    isRemote ? reference(chart.chart) : await existing(chart.chart, root, 'chart'),
    '--include-crds',
    `--namespace=${chart.namespace}`,
    ...(chart.version === undefined ? [] : [`--version=${chart.version}`]),
    ...capabilityArguments(chart.capabilities),
    ...files.map((file) => `--values=${file}`),
    '--values=-',
  ];
  const text = await render(
    { program: 'helm', args, input: stringify(nestedValues(chart.values)), subject: `the chart ${chart.chart}` },
    context,
  );
  return { name: `${chart.chart} (rendered)`, text, own: false };
}

function capabilityArguments(capabilities: Capabilities | undefined): readonly string[] {
  if (capabilities === undefined) return [];
  const { version, apiVersions } = capabilities;
  return [
    ...(version === '' ? [] : [`--kube-version=${version}`]),
    ...apiVersions.map((apiVersion) => `--api-versions=${apiVersion}`),
  ];
}

function reference(chart: string): string {
  if (OCI_REFERENCE.test(chart)) return chart;
  throw invalid(
    `The input chart is "${chart}", which is no reference to a chart in a registry`,
    'Write oci://registry/path/chart, and its version in chartVersion.',
  );
}

/** A path that is there, absolute, so that it can never be taken for an option. */
async function existing(path: string, root: string, what: 'file' | 'chart'): Promise<string> {
  const absolute = resolve(root, path);
  const entry = await stat(absolute).catch(() => undefined);
  if (entry !== undefined && (what === 'chart' || entry.isFile())) return absolute;
  throw invalid(
    what === 'chart' ? `There is no chart at ${path} (looked in ${root})` : `There is no file with values at ${path}`,
    'Check the path; a chart is a folder, a .tgz file, or an oci:// reference.',
  );
}

function invalid(problem: string, remedy: string): DeliveryError {
  return new DeliveryError('CHART_INVALID', { message: `${problem}.`, remedy });
}
