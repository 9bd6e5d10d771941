// What the process of the clients that come and go is told and answers.

import type { Latency } from '../result.ts';
import type { LoadShape } from './events.ts';
import type { Faults } from './expectation.ts';

export interface ChurnSetting {
  readonly port: number;
  readonly topic: string;
  readonly shape: LoadShape;
  readonly connections: number;
  /** From subscribe to unsubscribe. */
  readonly lifeMs: number;
}

export interface ChurnAnswer extends Faults {
  readonly asked: number;
  readonly subscribed: number;
  readonly events: number;
  readonly failures: readonly string[];
  /** From the intended time of asking to the answer. */
  readonly latency: Latency;
}
