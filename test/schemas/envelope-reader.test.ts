import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { EnvelopeReader } from '../../schemas/envelope-reader.ts';
import { type Envelope, envelopeByteLength, readEnvelope, writeEnvelope } from '../../schemas/lane-envelope.ts';
import { anyChannel, anyCursor, embedded, onlyThrows, RUNS, record } from './damage.ts';

const anyEnvelope: fc.Arbitrary<Envelope> = fc
  .record({
    events: fc.array(record({ cursor: anyCursor, bytes: fc.uint8Array({ maxLength: 40 }) }), { maxLength: 6 }),
    channels: fc.array(record({ channel: anyChannel, places: fc.array(fc.nat(), { maxLength: 6 }) }), { maxLength: 4 }),
    joined: fc.array(record({ channel: anyChannel, generation: fc.nat() }), { maxLength: 3 }),
  })
  .map(({ events, channels, joined }) => ({
    kind: 'live',
    topicId: 3,
    partition: 7,
    epoch: 2,
    requestId: 0,
    from: { offset: -1, index: 0 },
    to: { offset: 41, index: 0x7fffffff },
    oldestRecordMs: 1,
    receivedMs: 2,
    publishedMs: 3,
    last: false,
    expired: false,
    joined,
    events,
    channels: channels.map(({ channel, places }) => ({
      channel,
      refs: events.length === 0 ? [] : places.map((place) => place % events.length),
    })),
  }));

function written(envelope: Envelope): Uint8Array {
  const bytes = new Uint8Array(envelopeByteLength(envelope));
  writeEnvelope(envelope, bytes, 0);
  return bytes;
}

/** Everything that can be asked of a reader, as a plain envelope. */
function plain(reader: EnvelopeReader): Envelope {
  const { kind, topicId, partition, epoch, requestId, from, to, oldestRecordMs, receivedMs, publishedMs } = reader;
  const events = Array.from({ length: reader.eventCount }, (_, place) => {
    const start = reader.eventStart(place);
    const bytes = Uint8Array.from(reader.bytes.subarray(start, start + reader.eventLength(place)));
    return { cursor: { offset: reader.eventOffset(place), index: reader.eventIndex(place) }, bytes };
  });
  const channels: { channel: string; refs: number[] }[] = [];
  for (let i = 0, at = reader.channelsAt; i < reader.channelCount; i++, at = reader.channelBehind(at)) {
    const words = [0, 1, 2, 3].map((word) => (reader.channelWord(at, word) >>> 0).toString(16).padStart(8, '0'));
    channels.push({
      channel: words.join(''),
      refs: Array.from({ length: reader.refCount(at) }, (_, ref) => reader.ref(at, ref)),
    });
  }
  const { last, expired, joined } = reader;
  const header = { kind, topicId, partition, epoch, requestId, from, to, oldestRecordMs, receivedMs, publishedMs };
  return { ...header, last, expired, joined, events, channels };
}

t.test('what is written is read', async () => {
  fc.assert(
    fc.property(anyEnvelope, (envelope) => {
      assert.deepEqual(plain(new EnvelopeReader(embedded(written(envelope)))), envelope);
    }),
    { numRuns: RUNS },
  );
});

t.test('a channel is found by its id', async (t) => {
  fc.assert(
    fc.property(anyEnvelope, (envelope) => {
      const reader = new EnvelopeReader(written(envelope));
      for (const { channel } of envelope.channels) {
        const first = envelope.channels.find((section) => section.channel === channel);
        assert.equal(reader.refCount(reader.sectionOf(channel)), first?.refs.length);
      }
      assert.equal(reader.sectionOf('not a channel'), -1);
    }),
    { numRuns: RUNS },
  );
  t.pass();
});

/** Damage that a checksum does not show: what a writer with a bug would send. */
function forged(bytes: Uint8Array, bit: number): Uint8Array {
  const damaged = Uint8Array.from(bytes);
  const at = Math.floor(bit / 8) % damaged.length;
  damaged[at] = (damaged[at] ?? 0) ^ (1 << (bit % 8));
  const checksum = crc32(damaged.subarray(92), crc32(damaged.subarray(0, 88)));
  new DataView(damaged.buffer).setUint32(88, checksum, true);
  return damaged;
}

t.test('whatever is wrong in an envelope, both readers refuse it or both read the same', async () => {
  fc.assert(
    fc.property(anyEnvelope, fc.nat(), (envelope, bit) => {
      const bytes = embedded(forged(written(envelope), bit));
      const refused = onlyThrows(['MDS_LANE_CORRUPT'], () => readEnvelope(bytes));
      assert.equal(
        onlyThrows(['MDS_LANE_CORRUPT'], () => new EnvelopeReader(bytes)),
        refused,
      );
      if (refused !== null) return;
      const view = readEnvelope(bytes);
      assert.deepEqual(
        plain(new EnvelopeReader(bytes)).channels,
        view.channels.map(({ channel, refs }) => ({ channel, refs: Array.from(refs) })),
      );
    }),
    { numRuns: RUNS * 10 },
  );
});

t.test('an envelope that ends early is refused', async () => {
  fc.assert(
    fc.property(anyEnvelope, fc.nat(), (envelope, length) => {
      const bytes = written(envelope);
      const cut = embedded(bytes.subarray(0, length % bytes.length));
      assert.equal(
        onlyThrows(['MDS_LANE_CORRUPT'], () => new EnvelopeReader(cut)),
        'MDS_LANE_CORRUPT',
      );
    }),
    { numRuns: RUNS },
  );
});
