// Works through alerts that must not be forgotten: each comes until it is acknowledged, also after this program, its edge or
// the whole service was restarted. While `make run` runs:
//   export MDS_API_KEY=$(./mds keys create durable --grant subscribe,manage:host.metrics)
//   .toolchain/bin/node docs/examples/durable.ts
// Start it twice: the second one stands by, and takes over when the first one ends.

import { connect } from '../../client/library/index.ts';

const { MDS_API_URL, MDS_API_KEY, TOPIC = 'host.metrics', FILTER = 'severity >= WARNING' } = process.env;
const client = connect({ api: MDS_API_URL ?? 'http://127.0.0.1:9400', credential: MDS_API_KEY });
await client.ensureSubscription({ name: 'alerts-to-work-on', topic: TOPIC, filter: FILTER, ackTimeoutMs: 10_000 });

client.consume<{ id: string }>(
  { subscription: 'alerts-to-work-on', onState: (state, error) => console.log(state, error?.message ?? '') },
  {
    // Fulfilled: the batch is done, and never comes again. Rejected: it comes again later.
    onEvents: async ({ events }) => {
      for (const { data, attempt } of events) console.log(data.id, attempt > 1 ? `attempt ${attempt}` : '');
    },
    onGap: (gap) => console.error('Kafka no longer holds', gap),
    onEnd: (error) => {
      client.close();
      if (error) console.error(error);
    },
  },
);
process.once('SIGINT', () => client.close());
