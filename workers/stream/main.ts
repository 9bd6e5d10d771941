// Entry of the stream worker process.

import { startHealthServer } from '../../platform/health.ts';
import { runProcess } from '../../platform/lifecycle.ts';
import { streamConfig } from './config.ts';
import { StreamWorker } from './stream-worker.ts';

await runProcess('stream', streamConfig, async (context) => {
  const { config, health, metrics, log } = context;
  const http = await startHealthServer({ host: config.host, port: config.httpPort, health, metrics });
  const worker = await StreamWorker.start(context, {
    httpUrl: `http://${config.host}:${http.port}`,
    onFailure: (err) => {
      // Its kernels or its bookkeeping cannot be trusted any more; partitions begin again at their last commit elsewhere.
      log.fatal({ err }, 'the stream worker failed, exiting');
      process.exit(1);
    },
  });
  return {
    stop: async () => {
      await worker.stop();
      await http.close();
    },
  };
});
