// The rollup worker's process: events in Kafka into aggregates in Postgres, each counted once.

import { runProcess } from '../../platform/lifecycle.ts';
import { rollupConfig } from './config.ts';
import { startRollup } from './start-rollup.ts';

await runProcess('rollup', rollupConfig, startRollup);
