// What the subscriptions with an overflow policy of one edge share, on real timers.

import { isWatched, type SlowClients } from '../slow-clients.ts';
import type { OverflowContext, OverflowLimits } from './overflow-subscription.ts';
import type { OverflowTelemetry } from './overflow-telemetry.ts';
import type { WaitingMemory } from './waiting-events.ts';

export function overflowContext(
  limits: OverflowLimits,
  memory: WaitingMemory,
  telemetry: OverflowTelemetry,
  slowClients: SlowClients,
): OverflowContext {
  return {
    limits,
    memory,
    now: () => Date.now(),
    later: (delayMs, run) => {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
    onShed: (client, shed) => {
      telemetry.onShed(shed);
      if (isWatched(client)) slowClients.onShed(client, shed, Date.now());
    },
  };
}
