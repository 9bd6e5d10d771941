import { readFileSync } from 'node:fs';
import avsc from 'avsc';
import t from 'tap';
import { Health } from '../../../platform/health.ts';
import { createLogger } from '../../../platform/log.ts';
import { DeadLetters } from '../../../workers/stream/dead-letter.ts';
import { LetterWriter } from '../../../workers/stream/dead-letters/letter-writer.ts';

const type = avsc.Type.forSchema(
  JSON.parse(readFileSync(new URL('../../../schemas/avro/events/DeadLetter.avsc', import.meta.url), 'utf8')),
);
const record = {
  slot: 1,
  offset: 5,
  timestampMs: 10,
  code: 'MDS_RECORD_TRUNCATED',
  message: 'Cut.',
  value: Buffer.from('bytes'),
  key: null,
} as const;
const place = { deadLetterTopic: 'dl', kafkaTopic: 't', partition: 3 };

function aWriter(produce: (letter: Record<string, unknown>) => void) {
  const health = new Health();
  let registrations = 0;
  const letters = new DeadLetters({
    writer: new LetterWriter({
      producer: {
        produce: async (_topic, _partition, value) => {
          produce(type.fromBuffer(Buffer.from(value ?? []).subarray(5)));
          return { partition: 0, offset: 0 };
        },
      },
      registry: {
        register: async () => {
          registrations++;
          return 42;
        },
      },
      log: createLogger('test', 'silent'),
    }),
    log: createLogger('test', 'silent'),
    health,
    signal: new AbortController().signal,
    now: () => 99,
  });
  return { letters, health, registrations: () => registrations };
}

t.test('a dead letter is tried until Kafka has it', async (t) => {
  let attempts = 0;
  const got: Record<string, unknown>[] = [];
  const { letters, health, registrations } = aWriter((letter) => {
    if (attempts++ === 0) throw new Error('away');
    got.push(letter);
  });
  await letters.write([
    { record, place },
    { record: { ...record, offset: 6 }, place },
  ]);
  t.same(got.map(({ offset }) => offset).sort(), [5, 6]);
  t.match(got[0], { topic: 't', partition: 3, reason: 'MDS_RECORD_TRUNCATED', value: record.value, key: null });
  t.ok(health.readiness().ready);
  t.ok(registrations() <= 2, 'its schema is registered, not for each letter');
});

t.test('a record that is too large for the dead-letter topic leaves its reason and place there', async (t) => {
  const got: Record<string, unknown>[] = [];
  const { letters } = aWriter((letter) => {
    if (letter.value !== null) throw Object.assign(new Error('Broker: Message size too large'), { code: 10 });
    got.push(letter);
  });
  await letters.write([{ record, place }]);
  t.match(got, [{ offset: 5, value: null, message: /^Cut\. Its 5 bytes are too many/ }]);
});
