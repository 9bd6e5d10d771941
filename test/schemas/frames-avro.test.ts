import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import {
  AVRO_EVENT_HEADER_BYTES,
  AVRO_FRAME_HEADER_BYTES,
  type AvroEventsFrame,
  parseAvroFrame,
  withSubscription,
  writeAvroEventHead,
  writeAvroFrameHead,
} from '../../schemas/frames-avro.ts';
import { anyChannel, anyCursor, embedded, flipBit, onlyThrows, RUNS, record } from './damage.ts';

const wireCursor = anyCursor.map(({ offset, index }) => [offset, index] as const);
const time = fc.double({ noNaN: true, noDefaultInfinity: true });
const anyFrame: fc.Arbitrary<AvroEventsFrame> = fc
  .record({
    channel: anyChannel,
    partition: fc.nat(),
    from: wireCursor,
    to: wireCursor,
    times: fc.tuple(time, time, time),
    events: fc.array(
      record({
        at: wireCursor,
        data: record({ schemaId: fc.nat(), bytes: fc.uint8Array({ maxLength: 30 }) }),
      }),
      { maxLength: 6 },
    ),
  })
  .map((frame) => ({ type: 'events', ...frame }));

/** As the edge writes it. */
function written(frame: AvroEventsFrame): Uint8Array {
  let length = AVRO_FRAME_HEADER_BYTES;
  for (const { data } of frame.events) length += AVRO_EVENT_HEADER_BYTES + 4 + data.bytes.length;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  writeAvroFrameHead(view, 0, frame, frame.events.length, length);
  let at = AVRO_FRAME_HEADER_BYTES;
  for (const { at: cursor, data } of frame.events) {
    at = writeAvroEventHead(view, at, cursor[0], cursor[1], 4 + data.bytes.length);
    view.setUint32(at, data.schemaId);
    bytes.set(data.bytes, at + 4);
    at += 4 + data.bytes.length;
  }
  return bytes;
}

const plain = (frame: AvroEventsFrame): AvroEventsFrame => ({
  ...frame,
  events: frame.events.map(({ at, data }) => ({ at, data: { ...data, bytes: Uint8Array.from(data.bytes) } })),
});

t.test('what is written is read', async () => {
  fc.assert(
    fc.property(anyFrame, (frame) => assert.deepEqual(plain(parseAvroFrame(embedded(written(frame)))), frame)),
    { numRuns: RUNS },
  );
});

t.test('a frame addressed to a subscription says so, and is the same otherwise', async () => {
  fc.assert(
    fc.property(anyFrame, fc.string({ unit: 'grapheme', maxLength: 128 }), (frame, sub) => {
      assert.deepEqual(plain(parseAvroFrame(withSubscription(written(frame), sub))), { ...frame, sub });
    }),
    { numRuns: RUNS },
  );
});

t.test('a frame that ends anywhere before its end, or goes on behind it, is refused', async (t) => {
  fc.assert(
    fc.property(anyFrame, (frame) => {
      const bytes = withSubscription(written(frame), 'sub');
      for (let length = 0; length < bytes.length; length++) {
        const cut = embedded(bytes.subarray(0, length));
        assert.equal(
          onlyThrows(['MDS_FRAME_CORRUPT'], () => parseAvroFrame(cut)),
          'MDS_FRAME_CORRUPT',
        );
      }
      const longer = Uint8Array.of(...bytes, 0);
      assert.ok(onlyThrows(['MDS_FRAME_CORRUPT'], () => parseAvroFrame(longer)));
    }),
    { numRuns: RUNS / 4 },
  );
  t.pass();
});

t.test('a damaged frame is refused or read, and never read beyond its end', async (t) => {
  fc.assert(
    fc.property(anyFrame, fc.nat(), (frame, bit) => {
      const bytes = embedded(flipBit(withSubscription(written(frame), 'sub'), bit));
      onlyThrows(['MDS_FRAME_CORRUPT'], () => {
        for (const { data } of parseAvroFrame(bytes).events) {
          assert.ok(data.bytes.byteOffset >= bytes.byteOffset);
          assert.ok(data.bytes.byteOffset + data.bytes.length <= bytes.byteOffset + bytes.length);
        }
      });
    }),
    { numRuns: RUNS * 10 },
  );
  t.pass();
});
