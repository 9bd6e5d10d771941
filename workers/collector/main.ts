// The collector's process: this machine's telemetry and the health of the stack's services, as Avro events into Kafka.

import { runProcess } from '../../platform/lifecycle.ts';
import { collectorConfig } from './config.ts';
import { startCollector } from './start-collector.ts';

await runProcess('collector', collectorConfig, startCollector);
