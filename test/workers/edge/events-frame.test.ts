import t from 'tap';
import { parseServerFrame } from '../../../schemas/frames.ts';
import { addressedTo, buildEventsFrames } from '../../../workers/edge/events-frame.ts';

const range = {
  channel: '0123456789abcdef0123456789abcdef',
  partition: 2,
  from: { offset: -1, index: 0 },
  to: { offset: 9, index: 2147483647 },
  oldestRecordMs: 11,
  publishedMs: 12,
  sentMs: 13,
};
const event = (offset: number, text: string) => ({ cursor: { offset, index: 1 }, bytes: Buffer.from(text) });
const parsed = (bytes: Uint8Array) => parseServerFrame(Buffer.from(bytes).toString());

t.test('event bytes stand in the frame as they came', async (t) => {
  const [frame] = buildEventsFrames(range, [event(1, '{"a":"ü€😀"}'), event(2, '[1,2]')], 1000);
  t.same(frame && parsed(frame.bytes), {
    type: 'events',
    channel: range.channel,
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

t.test('many events become several frames whose ranges touch', async (t) => {
  const events = Array.from({ length: 5 }, (_, offset) => event(offset, '"1234567890"'));
  const frames = buildEventsFrames(range, events, 24).map(({ bytes }) => parsed(bytes));
  t.match(frames, [
    { from: [-1, 0], to: [1, 1], events: { length: 2 } },
    { from: [1, 1], to: [3, 1], events: { length: 2 } },
    { from: [3, 1], to: [9, 2147483647], events: { length: 1 } },
  ]);
});

t.test('an event larger than a frame has a frame of its own, and no event has none', async (t) => {
  t.equal(buildEventsFrames(range, [event(1, '"1234567890"'), event(2, '1')], 3).length, 2);
  t.same(buildEventsFrames(range, [], 3), []);
});

t.test('a frame can be addressed to one subscription', async (t) => {
  const [frame] = buildEventsFrames(range, [event(1, '1')], 1000);
  if (!frame) throw new Error('no frame');
  t.same(parsed(addressedTo(frame, 'my "sub" ü')), { ...parsed(frame.bytes), sub: 'my "sub" ü' });
});
