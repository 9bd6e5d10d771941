// A steady, seeded stream of events into one topic.

import { aMeasurement } from '../../integration/harness/measurement.ts';
import { type Flow, startFlow } from '../../integration/harness/pace.ts';
import type { TopicLoad } from './watcher.ts';

const RECORD_EVENTS = 10;

/** Batch records and single events in turn. */
export function startProducing({ topic, producer, eventSeed }: Omit<TopicLoad, 'flow'>, eventsPerSecond: number): Flow {
  let sequence = 0;
  let record = 0;
  return startFlow((2 * eventsPerSecond) / (RECORD_EVENTS + 1), async (records) => {
    for (let i = 0; i < records; i++) {
      const count = record % 2 === 0 ? RECORD_EVENTS : 1;
      const events = Array.from({ length: count }, () => aMeasurement(sequence++, eventSeed));
      await producer.send({ partition: Math.floor(record++ / 2) % topic.partitions, events });
    }
  });
}
