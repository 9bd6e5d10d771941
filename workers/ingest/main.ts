// The ingest door's process: events over HTTP into Kafka, each once.

import { runProcess } from '../../platform/lifecycle.ts';
import { ingestConfig } from './config.ts';
import { startIngest } from './start-ingest.ts';

await runProcess('ingest', ingestConfig, startIngest);
