// Suite `fanout`: one filter, a thousand subscribers; every event goes to all of them.

import { rateSuite } from '../load/rate-suite.ts';

const SUBSCRIBERS = 1000;
const EVENTS_PER_RECORD = 10;

export const fanoutSuite = rateSuite({
  name: 'fanout',
  summary: 'one filter, 1,000 subscribers, every event to all of them',
  runsBy: 'quick',
  variants: [
    {
      id: 'fanout',
      title: `1 filter, ${SUBSCRIBERS.toLocaleString('en')} subscribers`,
      load: {
        connections: SUBSCRIBERS,
        subscriptionsPerConnection: 1,
        filters: 'everything',
        compression: 'none',
        // One partition: frames are of one partition each, and what matters here is one channel's traffic.
        shape: { partitions: 1, eventsPerRecord: EVENTS_PER_RECORD, templates: 32, cardinality: 1000 },
        // About 195 bytes a delivered event, as in the published measurements of peers.
        fields: ['id', 'host', 'name', 'severity', 'service', 'timestamp', 'value'],
      },
      from: 4000,
      perEvent: SUBSCRIBERS,
      unit: 'deliveries/s',
      figure: 'deliveriesPerSecond',
    },
  ],
  config: {
    subscribers: SUBSCRIBERS,
    partitions: 1,
    eventsPerRecord: EVENTS_PER_RECORD,
    eventBytes: 'about 195 delivered: seven of thirteen fields',
    checked: 'one connection cursor by cursor; every frame of the others must have the same head and length',
    measured: 'one connection in 16',
  },
});
