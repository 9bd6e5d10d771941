import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import { compareCursors } from '../../schemas/cursor.ts';
import { MdsError } from '../../schemas/errors.ts';
import {
  type Envelope,
  type EnvelopeView,
  envelopeByteLength,
  readEnvelope,
  writeEnvelope,
} from '../../schemas/lane-envelope.ts';
import { anyChannel, anyCursor, embedded, flipBit, onlyThrows, RUNS, record } from './damage.ts';

const u32 = fc.integer({ min: 0, max: 0xffffffff });
const timeMs = fc.integer({ min: 0, max: 4_102_444_800_000 });

const anyEnvelope: fc.Arbitrary<Envelope> = fc
  .record({
    kind: fc.constantFrom('live' as const, 'replay' as const),
    topicId: u32,
    partition: u32,
    epoch: u32,
    requestId: u32,
    range: fc.tuple(anyCursor, anyCursor),
    oldestRecordMs: timeMs,
    receivedMs: timeMs,
    publishedMs: timeMs,
    last: fc.boolean(),
    expired: fc.boolean(),
    joined: fc.array(record({ channel: anyChannel, generation: u32 }), { maxLength: 4 }),
    events: fc.array(record({ cursor: anyCursor, bytes: fc.uint8Array({ maxLength: 40 }) }), { maxLength: 6 }),
    channels: fc.array(record({ channel: anyChannel, places: fc.array(fc.nat(), { maxLength: 6 }) }), {
      maxLength: 4,
    }),
  })
  .map(({ range: [a, b], channels, ...rest }) => ({
    ...rest,
    from: compareCursors(a, b) <= 0 ? a : b,
    to: compareCursors(a, b) <= 0 ? b : a,
    channels: channels.map(({ channel, places }) => ({
      channel,
      refs: rest.events.length === 0 ? [] : places.map((place) => place % rest.events.length),
    })),
  }));

function written(envelope: Envelope): Uint8Array {
  const bytes = new Uint8Array(envelopeByteLength(envelope));
  writeEnvelope(envelope, bytes, 0);
  return bytes;
}

/** The view as a plain envelope, for comparing. */
function plain({ byteLength: _, ...view }: EnvelopeView): Envelope {
  return {
    ...view,
    events: view.events.map(({ cursor, bytes }) => ({ cursor, bytes: Uint8Array.from(bytes) })),
    channels: view.channels.map(({ channel, refs }) => ({ channel, refs: Array.from(refs) })),
  };
}

const readOrRefuse = (bytes: Uint8Array) => onlyThrows(['MDS_LANE_CORRUPT'], () => readEnvelope(bytes));

const anEnvelope: Envelope = {
  kind: 'live',
  topicId: 3,
  partition: 7,
  epoch: 2,
  requestId: 0,
  from: { offset: -1, index: 0x7fffffff },
  to: { offset: 41, index: 0x7fffffff },
  oldestRecordMs: 1_700_000_000_000,
  receivedMs: 1_700_000_000_001,
  publishedMs: 1_700_000_000_002,
  last: false,
  expired: false,
  joined: [{ channel: '00112233445566778899aabbccddeeff', generation: 9 }],
  events: [
    { cursor: { offset: 40, index: 0 }, bytes: Buffer.from('{"a":1}') },
    { cursor: { offset: 41, index: 3 }, bytes: Buffer.from('{"a":2}') },
  ],
  channels: [{ channel: 'ffeeddccbbaa99887766554433221100', refs: [0, 1] }],
};

t.test('what is written is read', async () => {
  fc.assert(
    fc.property(anyEnvelope, (envelope) => {
      assert.deepEqual(plain(readEnvelope(written(envelope))), envelope);
    }),
    { numRuns: RUNS },
  );
});

t.test('an envelope can be written anywhere in a larger target, and touches nothing around it', async () => {
  fc.assert(
    fc.property(anyEnvelope, fc.nat(100), fc.nat(100), (envelope, before, after) => {
      const byteLength = envelopeByteLength(envelope);
      const target = new Uint8Array(before + byteLength + after).fill(0xa5);
      assert.equal(writeEnvelope(envelope, target, before), byteLength);
      assert.ok(target.subarray(0, before).every((byte) => byte === 0xa5));
      assert.ok(target.subarray(before + byteLength).every((byte) => byte === 0xa5));
      assert.deepEqual(plain(readEnvelope(target.subarray(before, before + byteLength))), envelope);
    }),
    { numRuns: RUNS },
  );
});

t.test('a target that is used again leaves no trace of what it held', async (t) => {
  const fresh = written(anEnvelope);
  const used = new Uint8Array(fresh.length).fill(0xff);
  writeEnvelope(anEnvelope, used, 0);
  t.strictSame(used, fresh);
});

t.test('an envelope can be written to and read from shared memory', async (t) => {
  const shared = new Uint8Array(new SharedArrayBuffer(envelopeByteLength(anEnvelope) + 8));
  const byteLength = writeEnvelope(anEnvelope, shared, 8);
  t.strictSame(plain(readEnvelope(shared.subarray(8, 8 + byteLength))).channels, anEnvelope.channels);
});

t.test('a target that is too short is refused before anything is written', async (t) => {
  const byteLength = envelopeByteLength(anEnvelope);
  const target = new Uint8Array(byteLength + 9);
  t.throws(() => writeEnvelope(anEnvelope, target, 10), RangeError);
  t.throws(() => writeEnvelope(anEnvelope, new Uint8Array(byteLength - 1), 0), RangeError);
  t.ok(target.every((byte) => byte === 0));
});

t.test('every truncation is refused', async (t) => {
  const bytes = written(anEnvelope);
  for (let length = 0; length < bytes.length; length++) {
    t.equal(readOrRefuse(embedded(bytes.subarray(0, length))), 'MDS_LANE_CORRUPT', `${length} bytes`);
  }
});

t.test('every single flipped bit is refused', async (t) => {
  const bytes = written(anEnvelope);
  // The last four bytes of the header are reserved and covered by the checksum like all others.
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    if (readOrRefuse(flipBit(bytes, bit)) !== 'MDS_LANE_CORRUPT') t.fail(`bit ${bit} of byte ${bit >> 3} was accepted`);
  }
});

t.test('bytes appended or random are refused', async () => {
  fc.assert(
    fc.property(anyEnvelope, fc.uint8Array({ minLength: 1, maxLength: 50 }), (envelope, more) => {
      assert.equal(readOrRefuse(Buffer.concat([written(envelope), more])), 'MDS_LANE_CORRUPT');
    }),
    { numRuns: 50 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      assert.equal(readOrRefuse(bytes), 'MDS_LANE_CORRUPT');
    }),
    { numRuns: RUNS },
  );
});

// Damage that the checksum does not see, for it was computed afterwards: a sender with a bug, or a hostile one. The
// structure alone must keep the reader inside its bytes.
t.test('a wrong structure under a right checksum is refused or read in bounds, never anything else', async () => {
  fc.assert(
    fc.property(
      anyEnvelope,
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      (envelope, pokes) => {
        const damaged = written(envelope);
        for (const [at, byte] of pokes) damaged[at % damaged.length] = byte;
        const bytes = embedded(resealed(damaged));
        onlyThrows(['MDS_LANE_CORRUPT'], () => {
          const view = readEnvelope(bytes);
          for (const event of view.events) {
            const start = event.bytes.byteOffset - bytes.byteOffset;
            if (start < 0 || start + event.bytes.length > bytes.length) throw new Error('an event lies outside');
          }
          for (const { refs } of view.channels) {
            for (const ref of Array.from(refs)) if (ref >= view.events.length) throw new Error('a ref points nowhere');
          }
        });
      },
    ),
    { numRuns: 1000 },
  );
});

const COUNTS_AT = [72, 76, 80];
t.test('counts of billions are refused without trying to allocate for them', async (t) => {
  for (const at of COUNTS_AT) {
    for (const count of [1000, 0x7fffffff, 0xffffffff]) {
      const damaged = written(anEnvelope);
      new DataView(damaged.buffer).setUint32(at, count, true);
      t.equal(readOrRefuse(resealed(damaged)), 'MDS_LANE_CORRUPT');
    }
  }
});

/** Where the first entry of anEnvelope's event index says where its bytes start, and how many they are. */
const EVENT_START_AT = 96 + 20 + 12;
const EVENT_LENGTH_AT = 96 + 20 + 16;
t.test('an event whose bytes begin before the index ends, or end behind the envelope, is refused', async (t) => {
  for (const [at, value] of [
    [EVENT_START_AT, 0],
    [EVENT_START_AT, 96],
    [EVENT_START_AT, 0xffffffff],
    [EVENT_LENGTH_AT, 15],
    [EVENT_LENGTH_AT, 0xffffffff],
  ] as const) {
    const damaged = written(anEnvelope);
    new DataView(damaged.buffer).setUint32(at, value, true);
    t.throws(() => readEnvelope(resealed(damaged)), { code: 'MDS_LANE_CORRUPT', message: /lies outside/ }, `${value}`);
  }
});

t.test('each rule of the header is checked', async (t) => {
  const cases: readonly [what: string, poke: (view: DataView) => void, reason: RegExp][] = [
    ['another magic number', (view) => view.setUint32(0, 1, true), /magic/],
    ['another version', (view) => view.setUint8(4, 2), /version 2/],
    ['an unknown kind', (view) => view.setUint8(5, 2), /kind or flags/],
    ['an unknown flag', (view) => view.setUint16(6, 4, true), /kind or flags/],
    ['an offset that is not whole', (view) => view.setFloat64(24, 0.5, true), /cursor/],
    ['an offset that is not a number', (view) => view.setFloat64(24, Number.NaN, true), /cursor/],
    ['an offset before -1', (view) => view.setFloat64(24, -2, true), /cursor/],
    ['a negative index', (view) => view.setInt32(32, -1, true), /cursor/],
    ['a time that is not a number', (view) => view.setFloat64(64, Number.NaN, true), /time/],
    ['a range that ends before it begins', (view) => view.setFloat64(40, -1, true), /ends before/],
  ];
  for (const [what, poke, reason] of cases) {
    const damaged = written({ ...anEnvelope, from: { offset: 5, index: 1 } });
    poke(new DataView(damaged.buffer));
    t.throws(() => readEnvelope(resealed(damaged)), { code: 'MDS_LANE_CORRUPT', message: reason }, what);
  }
});

/** The same bytes with a checksum that fits them, computed by the writer itself through a round of its own layout. */
function resealed(bytes: Uint8Array): Uint8Array {
  const sealed = Uint8Array.from(bytes);
  const view = new DataView(sealed.buffer);
  view.setUint32(84, sealed.length, true);
  view.setUint32(88, checksum(sealed), true);
  return sealed;
}

/** CRC-32 (ISO 3309) over every byte but bytes 88-91, apart from the codec's own code. */
function checksum(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const [at, byte] of bytes.entries()) {
    if (at >= 88 && at < 92) continue;
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

t.test('the error says what is wrong and is retryable', async (t) => {
  try {
    readEnvelope(new Uint8Array(5));
    t.fail('it was read');
  } catch (error) {
    t.ok(error instanceof MdsError && error.retryable);
    t.match(String(error), 'A lane envelope is corrupt: 5 bytes are less than a header.');
  }
});
