// Whoever reads events over HTTP and is cut off anywhere, again and again, has in the end each event once, in order: whatever
// the batches, whatever is read of them, and whichever of the two ways it is read by.

import fc from 'fast-check';
import t from 'tap';
import { type Cursor, compareCursors, type Position } from '../../../../schemas/cursor.ts';
import { decodeResumeToken, encodeResumeToken } from '../../../../schemas/resume-token.ts';
import type { ClientOutput } from '../../../../workers/edge/client-output.ts';
import type { FollowedFrame } from '../../../../workers/edge/followed-frame.ts';
import { PollBuffer } from '../../../../workers/edge/http/poll-buffer.ts';
import { StreamOutput } from '../../../../workers/edge/http/stream-output.ts';
import { StreamReader } from './stream-reader.ts';

const PARTITIONS = [0, 1, 2];
const TOPIC_ID = 7;

interface Log {
  /** By partition: events in cursor order; an offset may hold several, and some offsets none. */
  readonly events: readonly (readonly Cursor[])[];
}

const log: fc.Arbitrary<Log> = fc.record({
  events: fc.tuple(
    ...PARTITIONS.map(() =>
      fc
        .array(fc.integer({ min: 0, max: 3 }), { maxLength: 12 })
        .map((counts) =>
          counts.flatMap((count, offset) => Array.from({ length: count }, (_, index) => ({ offset, index }))),
        ),
    ),
  ),
});

/** How the edge cuts what it gives: which partition next, how many events, and how far the range goes beyond them. */
const cuts = fc.array(
  fc.record({
    partition: fc.constantFrom(...PARTITIONS),
    events: fc.integer({ min: 0, max: 5 }),
    beyond: fc.boolean(),
    tellsPosition: fc.boolean(),
  }),
  { minLength: 1, maxLength: 12 },
);
type Cut = typeof cuts extends fc.Arbitrary<readonly (infer One)[]> ? One : never;

const nameOf = (partition: number, { offset, index }: Cursor): string => `${partition}/${offset}/${index}`;
const all = ({ events }: Log): string[][] =>
  PARTITIONS.map((partition) => (events[partition] ?? []).map((cursor) => nameOf(partition, cursor)));

/** Gives everything behind the position, in frames cut as told, as a subscription that resumes would. */
function serve({ events }: Log, position: Position, cutting: readonly Cut[], output: ClientOutput): void {
  const token = (): string => encodeResumeToken({ topicId: TOPIC_ID, position: at });
  const at = new Map(position);
  const start = { topic: 't', filter: '', position: token(), partitions: PARTITIONS.length, replaying: true };
  output.say({ type: 'subscribed', id: 'events', channel: '', ...start });
  const restOf = (partition: number): Cursor[] => {
    const from = at.get(partition) ?? { offset: -1, index: 0 };
    return (events[partition] ?? []).filter((cursor) => compareCursors(cursor, from) > 0);
  };
  const give = (partition: number, count: number, beyond: boolean): void => {
    const from = at.get(partition) ?? { offset: -1, index: 0 };
    const rest = restOf(partition);
    const given = rest.slice(0, count);
    const last = given.at(-1) ?? from;
    const isWhole = rest[count] === undefined || rest[count].offset > last.offset;
    const to = beyond && isWhole && given.length > 0 ? { offset: last.offset, index: 2 ** 31 - 1 } : last;
    at.set(partition, to);
    const frame: FollowedFrame = {
      ...{ channel: '', subscriptionId: 'events', partition, from, to, recordMs: 0, publishedMs: 0, sentMs: 0 },
      events: given.map((cursor) => ({ cursor, bytes: Buffer.from(JSON.stringify(nameOf(partition, cursor))) })),
    };
    output.give(frame);
  };
  for (const { partition, events: count, beyond, tellsPosition } of cutting) {
    give(partition, count, beyond);
    if (tellsPosition) output.say({ type: 'position', id: 'events', token: token() });
  }
}

class Received {
  readonly byPartition: string[][] = PARTITIONS.map(() => []);

  take(text: string): void {
    const { cursor, event } = JSON.parse(text);
    const [partition, offset, index] = cursor;
    if (event !== nameOf(partition, { offset, index })) throw new Error(`${event} at ${cursor}`);
    this.byPartition[partition]?.push(event);
  }
}

const START = new Map(PARTITIONS.map((partition) => [partition, { offset: -1, index: 0 }]));
/** Enough to give the rest of any log. */
const REST: readonly Cut[] = PARTITIONS.map((partition) => ({
  ...{ partition, events: Number.POSITIVE_INFINITY, beyond: true, tellsPosition: false },
}));

t.test('a stream that is cut off anywhere resumes exactly once by Last-Event-ID', async (t) => {
  const connection = fc.record({ cutting: cuts, readShare: fc.double({ min: 0, max: 1, noNaN: true }) });
  fc.assert(
    fc.property(log, fc.array(connection, { maxLength: 8 }), (world, connections) => {
      const received = new Received();
      let lastEventId = encodeResumeToken({ topicId: TOPIC_ID, position: START });
      for (const { cutting, readShare } of [...connections, { cutting: REST, readShare: 1 }]) {
        const sent: Buffer[] = [];
        const message = (part: Buffer | string): void => void sent.push(Buffer.from(part));
        const output = new StreamOutput({ begin: () => {}, message, onEvents: () => {}, fail: () => {} });
        serve(world, decodeResumeToken(lastEventId).position, cutting, output);
        const bytes = Buffer.concat(sent);
        const reader = new StreamReader();
        reader.read(bytes.subarray(0, Math.floor(bytes.length * readShare)));
        for (const { data } of reader.of('message')) received.take(data);
        lastEventId = reader.lastEventId || lastEventId;
      }
      t.same(received.byPartition, all(world));
    }),
  );
});

t.test('polls of any size, with a subscription that is kept or not, give each event once', async (t) => {
  const poll = fc.record({ maxEvents: fc.integer({ min: 1, max: 4 }), cutting: cuts, isKept: fc.boolean() });
  const nothing = (): void => {};
  fc.assert(
    fc.property(log, fc.array(poll, { maxLength: 12 }), (world, polls) => {
      const received = new Received();
      let next = encodeResumeToken({ topicId: TOPIC_ID, position: START });
      let buffer: PollBuffer | null = null;
      const endless = Array.from({ length: 40 }, () => ({ maxEvents: 4, cutting: REST, isKept: false }));
      for (const { maxEvents, cutting, isKept } of [...polls, ...endless]) {
        if (!buffer) {
          buffer = new PollBuffer(nothing, nothing);
          serve(world, decodeResumeToken(next).position, cutting, buffer);
        }
        const answer = buffer.take(maxEvents, 60);
        for (const one of JSON.parse(answer.body).events) received.take(JSON.stringify(one));
        next = answer.next;
        if (!isKept) buffer = null;
      }
      t.same(received.byPartition, all(world));
    }),
  );
});
