// What the subscribers' process is told and answers.

import type { LoadRun } from '../result.ts';
import type { LoadShape } from './events.ts';

export interface SubscribersSetting {
  readonly port: number;
  readonly topic: string;
  readonly shape: LoadShape;
  readonly connections: number;
  /** Number of the first one among those of all processes: filters go by it. */
  readonly firstConnection: number;
  readonly subscriptionsPerConnection: number;
  /** `distinct`: each subscription has a filter of its own; `everything`: all have the same one. */
  readonly filters: 'distinct' | 'everything';
  /** Absent: whole events. */
  readonly fields?: readonly string[] | undefined;
}

export interface SettledAnswer extends Pick<LoadRun, 'latency' | 'stages' | 'failures'> {
  readonly received: number;
  readonly lost: number;
  readonly unexpected: number;
  readonly receivedBytes: number;
  /** Latency by intended time, in steps of TIMELINE_STEP_MS from the beginning of the measured time. */
  readonly timeline: readonly TimelineStep[];
}

export const TIMELINE_STEP_MS = 100;

export interface TimelineStep {
  readonly count: number;
  readonly meanMs: number;
  readonly maxMs: number;
}
