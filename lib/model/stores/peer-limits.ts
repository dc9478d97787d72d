import type { PeerLimits } from '../../http/dispatcher.ts';

/**
 * How long a store may keep us waiting. A connection stands within 10 seconds or not at all; TCP itself asks three times in
 * that time. A store that is silent for half a minute has stalled, and is asked again.
 */
export const STORE_LIMITS: PeerLimits = { connect: 10_000, idle: 30_000 };
