// Suite `single`: one event in each Kafka record, as producers that know nothing of batch records send them.

import { rateSuite } from '../load/rate-suite.ts';

export const singleSuite = rateSuite({
  name: 'single',
  summary: 'one event per Kafka record, 1,000 different filters',
  runsBy: 'full',
  variants: [
    {
      id: 'single',
      title: 'single events',
      load: {
        connections: 1000,
        subscriptionsPerConnection: 1,
        filters: 'distinct',
        compression: 'none',
        shape: { partitions: 4, eventsPerRecord: 1, templates: 20_000, cardinality: 10_000, single: true },
      },
      from: 25_000,
      perEvent: 1,
      unit: 'events/s',
      figure: 'eventsPerSecond',
    },
  ],
  config: { connections: 1000, partitions: 4, eventsPerRecord: 1 },
});
