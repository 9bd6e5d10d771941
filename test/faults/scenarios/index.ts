// All scenarios, in the order in which they run.

import type { Scenario } from '../framework/scenario.ts';
import { leaderKill } from './broker-faults.ts';
import { clockJump } from './clock-jump.ts';
import { churn, edgeKill, slowConsumers } from './edge-faults.ts';
import { deletedRange, diskFull } from './history-faults.ts';
import { badLines, partitions } from './line-faults.ts';
import { postgresDown } from './postgres-down.ts';
import { randomSchedule } from './random-faults.ts';
import { redisKill, silentLane, stalledLane } from './redis-faults.ts';
import { rollingStop } from './rolling-stop.ts';
import { rebalanceStorm, workerFreeze, workerKill } from './worker-faults.ts';

export const SCENARIOS: readonly Scenario[] = [
  workerKill,
  rollingStop,
  workerFreeze,
  redisKill,
  silentLane,
  stalledLane,
  leaderKill,
  partitions,
  badLines,
  edgeKill,
  slowConsumers,
  churn,
  rebalanceStorm,
  postgresDown,
  deletedRange,
  diskFull,
  clockJump,
  randomSchedule,
];
