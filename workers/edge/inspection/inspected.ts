// A client connection as an operator looks at it: whatever door it came through, it can be described and closed.

import type { SubscriptionView } from '../../../schemas/connection-control.ts';
import type { MdsError } from '../../../schemas/errors.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import type { PlanFormat } from '../../../schemas/plan/plan.ts';

export interface InspectedConnection {
  /** Edge and number. */
  readonly id: string;
  /** Unique in the edge, and growing. */
  readonly number: number;
  readonly identity: Identity;
  readonly peer: string;
  readonly door: string;
  readonly format: PlanFormat;
  readonly openedAtMs: number;
  readonly bufferedBytes: number;
  readonly sentBytes: number;
  /** Topics of its subscriptions, each once. */
  topics(): ReadonlySet<string>;
  views(): SubscriptionView[];
  close(closeCode: number, error: MdsError): void;
}

/** What is known of a client that was behind once. */
export interface Slowness {
  readonly worstBufferedBytes: number;
  readonly behindSinceMs: number | null;
  readonly droppedEvents: number;
  readonly conflatedEvents: number;
}

export const KEPT_UP: Slowness = {
  worstBufferedBytes: 0,
  behindSinceMs: null,
  droppedEvents: 0,
  conflatedEvents: 0,
};
