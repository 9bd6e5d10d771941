// All scenarios, in the order in which they run.

import type { Scenario } from '../framework/scenario.ts';
import { redisKill, silentLane, stalledLane } from './redis-faults.ts';
import { rebalanceStorm, workerFreeze, workerKill } from './worker-faults.ts';

export const SCENARIOS: readonly Scenario[] = [
  workerKill,
  workerFreeze,
  redisKill,
  silentLane,
  stalledLane,
  rebalanceStorm,
];
