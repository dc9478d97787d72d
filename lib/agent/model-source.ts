import type { ModelSource } from '../model/manifest.ts';
import type { Agent } from './agent.ts';
import { runUrl } from './run-identity.ts';

/**
 * Where a model that this run publishes comes from, as far as the agent knows it.
 *
 * @param author who made the model, where that is not who started the run
 */
export function modelSource(agent: Agent, author: string | undefined): ModelSource {
  const [pipeline, number] = [agent.variable('Build.DefinitionName'), agent.variable('Build.BuildNumber')];
  const known: { readonly [Field in keyof ModelSource]: string | undefined } = {
    repository: repositoryAddress(agent),
    commit: agent.variable('Build.SourceVersion'),
    branch: agent.variable('Build.SourceBranch'),
    run: number === undefined ? undefined : [pipeline, number].filter((part) => part !== undefined).join(' '),
    runUrl: runUrl(agent),
    author: author ?? agent.variable('Build.RequestedFor'),
  };
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined));
}

/** Where the run's sources are, as anybody may know it: addresses may carry a token, as a user's name or in a query. */
export function repositoryAddress(agent: Agent): string | undefined {
  const uri = agent.variable('Build.Repository.Uri');
  if (uri === undefined || !URL.canParse(uri)) return uri;
  const url = new URL(uri);
  for (const part of ['username', 'password', 'search', 'hash'] as const) url[part] = '';
  return url.href;
}
