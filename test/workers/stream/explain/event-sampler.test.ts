// The sampler on a Kafka that a test plays: what is asked of it, and what is made of the answers.

import t from 'tap';
import type { KafkaMessage } from '../../../../platform/kafka.ts';
import { encodeConfluent } from '../../../../schemas/confluent-wire.ts';
import { countEvents } from '../../../../workers/stream/explain/event-count.ts';
import { EventSampler, type EventSamplerOptions } from '../../../../workers/stream/explain/event-sampler.ts';
import { aPlan, aSample, encodeSample, NAMED_SCHEMAS } from './trial-stage.ts';

const TOPIC = {
  topicId: 1,
  tenant: 'default',
  name: 'samples',
  kafkaTopic: 'default.samples',
  deadLetterTopic: 'default.dead-letter',
  partitions: 1,
  schemaId: 3,
  schema: '{}',
};

function aSampler(values: readonly (Uint8Array | null)[], options: Partial<EventSamplerOptions> = {}) {
  const schemasAsked: number[] = [];
  const messages = values.map((value, offset): KafkaMessage => {
    const bytes = value && Buffer.from(value);
    return { topic: 'x', partition: 0, offset, timestamp: 1000 + offset, value: bytes, size: value?.length ?? 0 };
  });
  const sampler = new EventSampler({
    reader: {
      ranges: async () => (values.length > 0 ? [{ partition: 0, lowOffset: 0, highOffset: values.length }] : []),
      read: async (_topic, windows) => {
        const read = windows.flatMap(({ from, to }) => messages.slice(from, to));
        return { messages: read, bytes: read.reduce((sum, { size }) => sum + size, 0), cutBy: null };
      },
    },
    thread: { count: async (task) => countEvents(task) },
    schema: async (schemaId) => {
      schemasAsked.push(schemaId);
      return NAMED_SCHEMAS.find((named) => named.schemaId === schemaId)?.text ?? null;
    },
    nowMs: () => 0,
    ...options,
  });
  return { sampler, schemasAsked };
}

t.test('tombstones are nothing, bad records are counted, the rest is the sample', async (t) => {
  const good = Array.from({ length: 50 }, (_, n) => encodeSample(aSample(n)));
  const { sampler } = aSampler([...good, null, Buffer.from('{}'), encodeConfluent(99, new Uint8Array(3))]);
  const sample = await sampler.sample(TOPIC, 1000);
  t.match(sample, { rejectedRecords: 2, endedBy: 'topic' });
  t.equal(sample.picked.length, 50);
  t.equal(sample.picked[0]?.timestampMs, 1049, 'newest first');
  t.match(await aSampler(good).sampler.sample(TOPIC, 20), { endedBy: 'events', picked: { length: 20 } });
  t.match(await aSampler([]).sampler.sample(TOPIC, 20), { endedBy: 'topic', picked: { length: 0 } });
});

t.test(
  'for whoever may read in part, the last events are those that may be read, and nothing tells of others',
  async (t) => {
    const good = Array.from({ length: 50 }, (_, n) => encodeSample(aSample(n)));
    const { sampler } = aSampler([...good, null, Buffer.from('{}')]);
    const mandatory = aPlan('host == "h1"');
    const sample = await sampler.sample(TOPIC, 1000, mandatory);
    t.match(sample, { rejectedRecords: 0, endedBy: 'topic', picked: { length: 5 } });
    t.same(
      sample.picked.map(({ timestampMs }) => timestampMs),
      [1041, 1031, 1021, 1011, 1001],
    );
    t.match(await sampler.sample(TOPIC, 3, mandatory), { endedBy: 'events', picked: { length: 3 } });
  },
);

t.test('records with thousands of schema ids do not become thousands of questions', async (t) => {
  const { sampler, schemasAsked } = aSampler(
    Array.from({ length: 5000 }, (_, id) => encodeConfluent(1000 + id, new Uint8Array(3))),
  );
  const sample = await sampler.sample(TOPIC, 4000);
  t.ok(schemasAsked.length <= 64, `${schemasAsked.length} questions`);
  t.equal(sample.picked.length, 0);
});

t.test('reading that was cut short says by what', async (t) => {
  const good = Array.from({ length: 50 }, (_, n) => encodeSample(aSample(n)));
  const messages = good.map((value, offset): KafkaMessage => {
    return { topic: 'x', partition: 0, offset, timestamp: offset, value: Buffer.from(value), size: value.length };
  });
  const reader: EventSamplerOptions['reader'] = {
    ranges: async () => [{ partition: 0, lowOffset: 0, highOffset: 500 }],
    read: async () => ({ messages, bytes: 1, cutBy: 'time' }),
  };
  t.match(await aSampler([], { reader }).sampler.sample(TOPIC, 400), { endedBy: 'time', picked: { length: 50 } });
});
