import t from 'tap';
import { parseServerFrame } from '../../../schemas/frame-reader.ts';
import { parseAvroFrame } from '../../../schemas/frames-avro.ts';
import { addressedTo, FrameBuilder } from '../../../workers/edge/events-frame.ts';
import { type FollowedFrame, followedFrame } from '../../../workers/edge/followed-frame.ts';
import { batchOf } from '../../../workers/edge/follower.ts';
import { anArena, anEnvelope, CHANNEL, gathered } from './gathering.ts';

const SUB = 'my "sub" ü';
const EVENTS = gathered(
  anEnvelope([
    { cursor: { offset: 1, index: 1 }, bytes: Buffer.from('{"a":"ü€😀"}') },
    { cursor: { offset: 2 ** 40, index: 0 }, bytes: Buffer.from('[1,2]') },
  ]),
);

function aFrame(): FollowedFrame {
  return { ...batchOf(EVENTS), channel: CHANNEL, subscriptionId: SUB, sentMs: 13 };
}

t.test('it is byte for byte the frame that a replay addresses to one subscription', async (t) => {
  for (const format of ['json', 'avro'] as const) {
    const built: Buffer[] = [];
    const builder = new FrameBuilder(anArena(), 1000);
    builder.build(CHANNEL, format, EVENTS, 13, (frame) => built.push(addressedTo(frame, SUB)));
    t.same([followedFrame(format, aFrame())], built, format);
  }
});

t.test('attempts stand behind the events', async (t) => {
  const frame = parseServerFrame(followedFrame('json', { ...aFrame(), attempts: [1, 3] }).toString());
  t.match(frame, { sub: SUB, events: { length: 2 }, attempts: [1, 3] });
});

t.test('a frame without events still says a range', async (t) => {
  t.match(parseServerFrame(followedFrame('json', { ...aFrame(), events: [] }).toString()), { to: [9, 2147483647] });
  t.match(parseAvroFrame(followedFrame('avro', { ...aFrame(), events: [] })), { sub: SUB, events: { length: 0 } });
});
