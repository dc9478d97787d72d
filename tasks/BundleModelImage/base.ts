import type { Agent } from '../../lib/agent/agent.ts';
import type { ImageRoute } from '../../lib/agent/registry.ts';
import type { BaseSource } from '../../lib/oci/base-source.ts';
import { withBuiltBase } from './dockerfile.ts';
import type { BundledModel } from './model-source.ts';

/** What a base may have to be built with. */
export interface BaseContext {
  readonly model: BundledModel | undefined;
  readonly created: Date;
  readonly signal: AbortSignal;
}

/** Uses the image that everything is put upon: the one that `baseImage` names, or one built of a Dockerfile. */
export async function withBase<Result>(
  agent: Agent,
  route: ImageRoute,
  context: BaseContext,
  use: (base: BaseSource) => Promise<Result>,
): Promise<Result> {
  switch (agent.inputs.choice('builder', ['append', 'dockerfile'])) {
    case 'append':
      return use(await route.openBase());
    case 'dockerfile':
      return withBuiltBase(agent, route, context, use);
  }
}
