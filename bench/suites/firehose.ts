// Suite `firehose`: batch records, many subscribers with a filter of their own each, one delivery for ten events.

import { rateSuite } from '../load/rate-suite.ts';

const EVENTS_PER_RECORD = 1000;
const PARTITIONS = 4;

const shape = { partitions: PARTITIONS, eventsPerRecord: EVENTS_PER_RECORD, templates: 32 };
const common = { connections: 1000, filters: 'distinct', compression: 'lz4' } as const;

export const firehoseSuite = rateSuite({
  name: 'firehose',
  summary: '1,000 and 20,000 different filters on 1,000 connections, a delivery for ten events',
  runsBy: 'quick',
  variants: [
    {
      id: 'firehose',
      title: '1,000 filters',
      load: { ...common, subscriptionsPerConnection: 1, shape: { ...shape, cardinality: 10_000 } },
      from: 100_000,
      perEvent: 1,
      unit: 'events/s',
      figure: 'eventsPerSecond',
    },
    {
      id: 'firehose20k',
      title: '20,000 filters',
      isFullOnly: true,
      load: { ...common, subscriptionsPerConnection: 20, shape: { ...shape, cardinality: 200_000 } },
      from: 100_000,
      perEvent: 1,
      unit: 'events/s',
      figure: 'eventsPerSecond',
    },
  ],
  config: {
    connections: 1000,
    partitions: PARTITIONS,
    eventsPerRecord: EVENTS_PER_RECORD,
    compression: 'lz4, by the producer',
    filters: '40 % host, 30 % service and severity, 20 % label, 10 % range of values; each passes one event in 10,000',
    filters20k: 'of 20,000 filters, those that no event of the 32,000 in the pool passes are indexed and never match',
  },
});
