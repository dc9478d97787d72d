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
    repository: withoutCredentials(agent.variable('Build.Repository.Uri')),
    commit: agent.variable('Build.SourceVersion'),
    branch: agent.variable('Build.SourceBranch'),
    run: number === undefined ? undefined : [pipeline, number].filter((part) => part !== undefined).join(' '),
    runUrl: runUrl(agent),
    author: author ?? agent.variable('Build.RequestedFor'),
  };
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined));
}

/** Addresses of repositories may carry a user name or token. */
function withoutCredentials(uri: string | undefined): string | undefined {
  if (uri === undefined || !URL.canParse(uri)) return uri;
  const url = new URL(uri);
  url.username = '';
  url.password = '';
  return url.href;
}
