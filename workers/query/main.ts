// The query process: aggregates, latest values and recent events of topics over HTTP.

import { runProcess } from '../../platform/lifecycle.ts';
import { queryConfig } from './config.ts';
import { startQuery } from './start-query.ts';

await runProcess('query', queryConfig, startQuery);
