// The edge process: envelopes in, frames out. See edge.ts for its parts.

import { runProcess } from '../../platform/lifecycle.ts';
import { EdgeConfig } from './config.ts';
import { startEdge } from './edge.ts';

await runProcess('edge', EdgeConfig, startEdge);
