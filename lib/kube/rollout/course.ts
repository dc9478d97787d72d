import { titleOfRef } from '../application/footprint.ts';
import { currentRevision } from '../application/record.ts';
import type { ApplicationRecord } from '../application/record.ts';
import type { ObjectRef } from '../client/resource.ts';
import type { Finding } from '../diagnosis/diagnose.ts';
import { namedImages } from '../manifests/named-images.ts';
import type { Standing } from '../readiness/await-ready.ts';
import type { LiveView } from '../readiness/live-view.ts';
import { Timeline } from '../strategies/timeline.ts';
import { addressesOf, runningImagesOf } from './outcome.ts';
import type { Step } from './plan.ts';
import type { PreviewedChange } from './preview.ts';
import type { ReportedObject, RolloutReport, RolloutResult } from './report.ts';
import type { Written } from './write.ts';

/** How a rollout has gone so far. */
export interface Course {
  readonly startedAt: number;
  readonly application: string;
  readonly steps: readonly Step[];
  readonly changes: readonly PreviewedChange[];
  readonly written: readonly Written[];
  readonly removed: readonly ObjectRef[];
  readonly standings: readonly Standing[];
  readonly findings: readonly Finding[];
  readonly timeline: Timeline;
}

/** A rollout that begins now. */
export function beginningNow(): Course {
  return {
    startedAt: Date.now(),
    application: '',
    steps: [],
    changes: [],
    written: [],
    removed: [],
    standings: [],
    findings: [],
    timeline: new Timeline(),
  };
}

/** How a rollout ended, and what of the cluster its report is drawn from. */
export interface Ending {
  readonly result: RolloutResult;
  readonly failure: Error | undefined;
  readonly server: string;
  readonly record: ApplicationRecord;
  readonly view: LiveView;
}

/** The report of a rollout that has ended. */
export function reportOf(course: Course, { result, failure, server, record, view }: Ending): RolloutReport {
  const live = course.steps.flatMap(({ ref }) => view.object(ref) ?? []);
  const succeeded = failure === undefined;
  return {
    result,
    failure,
    server,
    application: course.application,
    revision: currentRevision(record)?.number,
    previousImages: namedImages(course.steps.flatMap(({ before }) => before ?? [])),
    changes: course.changes,
    objects: [...course.steps.map((step) => reported(course, step)), ...course.removed.map(reportedRemoval)],
    addresses: succeeded ? addressesOf(live) : [],
    imageDigests: succeeded ? runningImagesOf(live, view.around()) : [],
    findings: course.findings,
    timeline: course.timeline.moments(),
    durationSeconds: Math.round((Date.now() - course.startedAt) / 100) / 10,
  };
}

function reported({ written, standings }: Course, step: Step): ReportedObject {
  const standing = standings.find(({ target }) => target.ref === step.ref);
  const ms = standing?.readyAfterMs;
  return {
    title: step.title,
    namespace: step.ref.namespace,
    change: written.find((one) => one.step === step)?.change ?? 'not written',
    detail: standing?.verdict.detail ?? '',
    ready: standing?.verdict.state === 'ready',
    readyAfterSeconds: ms === undefined ? undefined : Math.round(ms / 100) / 10,
  };
}

function reportedRemoval(ref: ObjectRef): ReportedObject {
  const { namespace } = ref;
  return {
    title: titleOfRef(ref),
    namespace,
    change: 'removed',
    detail: '',
    ready: true,
    readyAfterSeconds: undefined,
  };
}
