import fc from 'fast-check';
import t from 'tap';
import { parseServerFrame } from '../../../schemas/frame-reader.ts';
import { parseAvroFrame } from '../../../schemas/frames-avro.ts';
import { addressedTo, type BuiltFrame, FrameBuilder } from '../../../workers/edge/events-frame.ts';
import type { FrameArena } from '../../../workers/edge/frame-arena.ts';
import type { GatheredEvents } from '../../../workers/edge/gathered-events.ts';
import { anArena, anEnvelope, CHANNEL, gathered } from './gathering.ts';

const event = (offset: number, text: string) => ({ cursor: { offset, index: 1 }, bytes: Buffer.from(text) });
const parsed = (bytes: Uint8Array) => parseServerFrame(Buffer.from(bytes).toString());

function build(
  events: GatheredEvents,
  maxEventBytes: number,
  format: 'json' | 'avro' = 'json',
  arena: FrameArena = anArena(),
): BuiltFrame[] {
  const frames: BuiltFrame[] = [];
  new FrameBuilder(arena, maxEventBytes).build(CHANNEL, format, events, 13, (frame) => {
    frames.push({ ...frame, bytes: Buffer.from(frame.bytes) });
  });
  return frames;
}

t.test('event bytes stand in the frame as they came', async (t) => {
  const [frame] = build(gathered(anEnvelope([event(1, '{"a":"ü€😀"}'), event(2, '[1,2]')])), 1000);
  t.same(frame && parsed(frame.bytes), {
    type: 'events',
    channel: CHANNEL,
    partition: 2,
    from: [-1, 0],
    to: [9, 2147483647],
    times: [11, 12, 13],
    events: [
      { at: [1, 1], data: { a: 'ü€😀' } },
      { at: [2, 1], data: [1, 2] },
    ],
  });
});

t.test(
  'events of several envelopes become one frame: from where the first began to where the last ended',
  async (t) => {
    const first = anEnvelope([event(1, '1')], { to: { offset: 1, index: 5 } });
    const second = anEnvelope([event(2, '2'), event(3, '3')], {
      from: { offset: 1, index: 5 },
      to: { offset: 4, index: 0 },
      oldestRecordMs: 21,
      publishedMs: 22,
    });
    const [frame, ...others] = build(gathered(first, second), 1000).map(({ bytes }) => parsed(bytes));
    t.match(frame, { from: [-1, 0], to: [4, 0], times: [11, 12, 13], events: { length: 3 } });
    t.same(others, []);
  },
);

t.test('many events become several frames whose ranges touch', async (t) => {
  const events = Array.from({ length: 5 }, (_, offset) => event(offset, '"1234567890"'));
  const frames = build(gathered(anEnvelope(events)), 24).map(({ bytes }) => parsed(bytes));
  t.match(frames, [
    { from: [-1, 0], to: [1, 1], events: { length: 2 } },
    { from: [1, 1], to: [3, 1], events: { length: 2 } },
    { from: [3, 1], to: [9, 2147483647], events: { length: 1 } },
  ]);
});

t.test('an event larger than a frame has a frame of its own, and no event has none', async (t) => {
  t.equal(build(gathered(anEnvelope([event(1, '"1234567890"'), event(2, '1')])), 3).length, 2);
  t.same(build(gathered(anEnvelope([event(1, '1')], { channels: [{ channel: CHANNEL, refs: [] }] })), 3), []);
});

t.test('a frame can be addressed to one subscription', async (t) => {
  for (const format of ['json', 'avro'] as const) {
    const [frame] = build(gathered(anEnvelope([event(1, '123456')])), 1000, format);
    if (!frame) throw new Error('no frame');
    const read = format === 'json' ? parsed : parseAvroFrame;
    t.same(read(addressedTo(frame, 'my "sub" ü')), { ...read(frame.bytes), sub: 'my "sub" ü' });
  }
});

t.test('an Avro frame says the same as a JSON frame, and has the bytes as they came', async (t) => {
  const datum = Uint8Array.of(0, 0, 1, 2, 250, 251, 252);
  const events = gathered(anEnvelope([{ cursor: { offset: 5, index: 7 }, bytes: datum }]));
  const [avro] = build(events, 1000, 'avro');
  t.match(avro && parseAvroFrame(avro.bytes), {
    channel: CHANNEL,
    partition: 2,
    from: [-1, 0],
    to: [9, 2147483647],
    times: [11, 12, 13],
    events: [{ at: [5, 7], data: { schemaId: 258, bytes: datum.subarray(4) } }],
  });
});

t.test('when the arena is full everything is written before its memory is used again', async (t) => {
  let written = 0;
  const arena = anArena(1000, () => {
    written += 1;
  });
  const events = Array.from({ length: 5 }, (_, offset) => event(offset, `"${'x'.repeat(300)}"`));
  const frames = build(gathered(anEnvelope(events)), 1, 'json', arena).map(({ bytes }) => parsed(bytes));
  t.equal(frames.length, 5);
  t.equal(written, 4);
  const tooLarge = gathered(anEnvelope([event(1, `"${'x'.repeat(2000)}"`)]));
  t.match(
    build(tooLarge, 1, 'json', arena).map(({ bytes }) => parsed(bytes)),
    [{ events: { length: 1 } }],
  );
});

t.test('numbers of every size stand in a frame as JSON writes them', async () => {
  const integer = fc.oneof(
    fc.nat(),
    fc.nat({ max: Number.MAX_SAFE_INTEGER - 1 }),
    fc.constantFrom(0, 999_999_999, 1e9),
  );
  const time = fc.oneof(integer, fc.double({ min: 0, max: 1e13, noNaN: true }));
  fc.assert(
    fc.property(integer, fc.nat({ max: 0x7fffffff }), time, (offset, index, oldestRecordMs) => {
      const cursor = { offset, index };
      const envelope = anEnvelope([{ cursor, bytes: Buffer.from('1') }], { to: cursor, oldestRecordMs });
      const [frame] = build(gathered(envelope), 10);
      const { to, events, times } = JSON.parse(String(frame?.bytes));
      return to[0] === offset && to[1] === index && events[0].at[0] === offset && times[0] === oldestRecordMs;
    }),
  );
});
