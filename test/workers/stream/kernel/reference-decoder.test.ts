// The judge over kernels, held against avsc and against the encoder of the tests: two decoders written apart that agree.

import avsc from 'avsc';
import t from 'tap';
import { avscTypeOf } from '../../../../schemas/avro/decoded-event.ts';
import { parseAvroSchema } from '../../../../schemas/avro/parse.ts';
import { MdsError } from '../../../../schemas/errors.ts';
import { damagedBody } from './damage-case.ts';
import { referenceEvents } from './reference-decoder.ts';
import { richTopic } from './rich-schemas.ts';
import { richValue } from './rich-values.ts';
import { seededTape } from './tape.ts';
import { avroBytes, MapEntries, varint } from './wire-writer.ts';

const ROUNDS = 400;

/** Decoded values alike, whatever their prototypes; NaN is itself. */
function alike(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const [keys, others] = [Object.keys(a), Object.keys(b)];
  return keys.length === others.length && keys.every((key) => alike(Reflect.get(a, key), Reflect.get(b, key)));
}

/** Only what the reference accepts is given to avsc, which would believe a hostile length. */
function referenceChecked(type: Parameters<typeof referenceEvents>[0], bytes: Buffer): Buffer {
  referenceEvents(type, bytes);
  return bytes;
}

const eventsIn = (value: unknown, batchField: string | undefined): unknown =>
  batchField === undefined ? [value] : Reflect.get(Object(value), batchField);

const hasProto = (bytes: Buffer): boolean => bytes.includes('__proto__');

t.test(
  'what the reference reads, avsc reads the same, in every encoding and after any damage it lets pass',
  async (t) => {
    const seed = Number(process.env.MDS_PROPERTY_SEED ?? Math.floor(Math.random() * 2 ** 31));
    const { choose } = seededTape(seed);
    let [read, refused] = [0, 0];
    for (let round = 0; round < ROUNDS; round++) {
      for (const { json, type } of richTopic(choose).writers) {
        const avscType = avscTypeOf<avsc.Type>(avsc, json);
        const body = avroBytes(type, richValue(type, choose), choose);
        for (const bytes of [body, damagedBody(body, choose), damagedBody(body, choose)]) {
          try {
            const expected = eventsIn(
              avscType.decode(Buffer.from(referenceChecked(type, bytes))).value,
              type.batchField,
            );
            const events = referenceEvents(type, bytes).map(({ event }) => event);
            if (!hasProto(bytes) && !alike(events, expected)) {
              throw new Error(`seed ${seed} ${JSON.stringify(json)} ${bytes.toString('hex')}`);
            }
            read++;
          } catch (error) {
            if (!(error instanceof MdsError) || bytes === body) throw error;
            refused++;
          }
        }
      }
    }
    t.ok(read > ROUNDS && refused > ROUNDS, `seed ${seed}: ${read} read, ${refused} refused`);
  },
);

t.test('the encoder of the tests writes what avsc writes, when it is not told to write otherwise', async (t) => {
  const { choose } = seededTape(7);
  let same = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (const { json, type } of richTopic(choose).writers) {
      const bytes = avroBytes(type, richValue(type, choose));
      const avscType = avscTypeOf<avsc.Type>(avsc, json);
      const { value } = avscType.decode(bytes);
      const again = avscType.toBuffer(value);
      // Keys that stand twice, texts that are not UTF-8 and NaN payloads do not survive decoding.
      if (again.length === bytes.length && again.equals(bytes)) same++;
    }
  }
  t.ok(same > ROUNDS / 2, `${same} alike`);
});

t.test('a key __proto__ is a key like any other, and of a key that stands twice the last counts', async (t) => {
  const type = parseAvroSchema({
    type: 'record',
    name: 'R',
    fields: [{ name: 'm', type: { type: 'map', values: 'int' } }],
  });
  if (type.kind !== 'record') throw new Error('not a record');
  const m = new MapEntries([
    ['__proto__', 1],
    ['a', 2],
    ['a', 3],
  ]);
  const [first] = referenceEvents(type, avroBytes(type, { m }));
  t.same(Object.entries(Object(first?.event.m)), [
    ['__proto__', 1],
    ['a', 3],
  ]);
});

t.test('numbers are exact up to 64 bits, also when they are written longer than they need be', async (t) => {
  const type = parseAvroSchema({ type: 'record', name: 'R', fields: [{ name: 'n', type: 'long' }] });
  if (type.kind !== 'record') throw new Error('not a record');
  for (const n of [0, -1, 63, -64, 64, 2 ** 31, 2 ** 53 - 1, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)]) {
    for (const spare of [0, 3, 9]) t.equal(referenceEvents(type, varint(n, spare))[0]?.event.n, n, `${n} + ${spare}`);
  }
});
