import type { Agent } from './agent.ts';

/** The run of a pipeline or release that a task is part of, for people. */
export interface RunIdentity {
  /** `shop 20261125.3, job Deploy`. */
  readonly name: string;
  readonly url: string | undefined;
  /** The commit that it runs for. */
  readonly commit: string | undefined;
}

/** Which run this is, as far as the agent knows it. */
export function runIdentity(agent: Agent): RunIdentity {
  const known = (...names: readonly string[]): string | undefined =>
    names.map((name) => agent.variable(name)).find((value) => value !== undefined);
  const run = [
    known('Release.DefinitionName', 'Build.DefinitionName'),
    known('Release.ReleaseName', 'Build.BuildNumber'),
  ]
    .filter((part) => part !== undefined)
    .join(' ');
  const job = known('System.JobDisplayName', 'Agent.JobName');
  const attempt = known('Release.AttemptNumber', 'System.JobAttempt');
  const details = [
    ...(job === undefined ? [] : [`job ${job}`]),
    ...(attempt === undefined || attempt === '1' ? [] : [`attempt ${attempt}`]),
  ];
  return {
    name: [run === '' ? 'a run' : run, ...details].join(', '),
    url: runUrl(agent),
    commit: agent.variable('Build.SourceVersion'),
  };
}

/** The run's page: `Build.BuildUri` is no address that a browser knows. */
export function runUrl(agent: Agent): string | undefined {
  const release = agent.variable('Release.ReleaseWebURL');
  if (release !== undefined) return release;
  const [collection, project] = [agent.variable('System.CollectionUri'), agent.variable('System.TeamProject')];
  const id = agent.variable('Build.BuildId');
  if (collection === undefined || project === undefined || id === undefined) return undefined;
  return `${collection.replace(/\/$/, '')}/${encodeURIComponent(project)}/_build/results?buildId=${id}`;
}
