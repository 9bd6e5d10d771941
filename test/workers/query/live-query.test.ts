// Live queries with a played computation and readers that read, or do not.

import t from 'tap';
import type { AggregateAnswer } from '../../../schemas/api/data.ts';
import type { LiveMessage } from '../../../schemas/api/live.ts';
import { MdsError } from '../../../schemas/errors.ts';
import { LiveQuery } from '../../../workers/query/live/live-query.ts';
import { LiveReader, type LiveSink } from '../../../workers/query/live/live-reader.ts';

const BEGIN: LiveMessage = {
  type: 'begin',
  topic: 't',
  windowSeconds: 60,
  windows: 2,
  groupBy: ['host'],
  functions: ['count'],
};

function answerOf(counts: Readonly<Record<string, number>>): AggregateAnswer {
  const rows = Object.entries(counts).map(([place, count]) => {
    const [start = '', host = ''] = place.split(' ');
    return { start, group: { host }, count };
  });
  const shape = { topic: 't', from: '', to: '', windowSeconds: 60, groupBy: ['host'], isComplete: true };
  return { ...shape, functions: ['count'], overflowEvents: 0, rows };
}

class PlayedSink implements LiveSink {
  readonly messages: LiveMessage[] = [];
  hasRoom = true;
  write(message: LiveMessage): boolean {
    this.messages.push(message);
    return this.hasRoom;
  }
  end(message: LiveMessage): void {
    this.messages.push(message);
  }
  /** Rows of the message: place, count, revision. */
  rows(at: number): string[] {
    const message = this.messages.at(at);
    if (message?.type !== 'rows') return [];
    return message.rows.map(({ start, group, count, revision }) => `${start} ${group.host}=${count} r${revision}`);
  }
}

function setUp(counts: Readonly<Record<string, number>>) {
  const world = { answer: answerOf(counts), computed: 0, error: null as MdsError | null };
  const compute = async (): Promise<AggregateAnswer> => {
    world.computed += 1;
    if (world.error) throw world.error;
    return world.answer;
  };
  const query = new LiveQuery({ compute, begin: BEGIN, now: () => 1 });
  const change = async (next: Readonly<Record<string, number>>): Promise<void> => {
    world.answer = answerOf(next);
    query.touch();
    await query.refresh();
  };
  return { world, query, change };
}

t.test('a reader gets all rows, then those that change, each with the next revision', async (t) => {
  const { query, change } = setUp({ '10:00 a': 1, '10:00 b': 5 });
  const sink = new PlayedSink();
  await query.join(new LiveReader(sink, 100));
  t.same(sink.messages[0], BEGIN);
  t.same(sink.rows(1), ['10:00 a=1 r1', '10:00 b=5 r1']);
  await change({ '10:00 a': 2, '10:00 b': 5, '10:01 a': 1 });
  t.same(sink.rows(2), ['10:00 a=2 r2', '10:01 a=1 r1']);
  await change({ '10:00 a': 2, '10:00 b': 5, '10:01 a': 1 });
  t.equal(sink.messages.length, 3, 'nothing changed, nothing is said');
});

t.test('equal questions are computed once, also for whoever comes later', async (t) => {
  const { world, query, change } = setUp({ '10:00 a': 1 });
  const [one, two] = [new PlayedSink(), new PlayedSink()];
  await Promise.all([query.join(new LiveReader(one, 100)), query.join(new LiveReader(two, 100))]);
  t.equal(world.computed, 1);
  await change({ '10:00 a': 7 });
  t.equal(world.computed, 2);
  const late = new PlayedSink();
  await query.join(new LiveReader(late, 100));
  t.equal(world.computed, 2);
  t.same([one.rows(-1), two.rows(-1), late.rows(-1)], Array(3).fill(['10:00 a=7 r2']));
});

t.test('a reader that does not read gets the newest revision when it does, and how many it missed', async (t) => {
  const { query, change } = setUp({ '10:00 a': 1 });
  const sink = new PlayedSink();
  sink.hasRoom = false;
  const reader = new LiveReader(sink, 100);
  await query.join(reader);
  for (const count of [2, 3, 4]) await change({ '10:00 a': count, '10:00 b': 1 });
  t.equal(sink.messages.length, 1, 'only what there was room for');
  t.equal(reader.fullSinceMs, 1);
  sink.hasRoom = true;
  reader.resume(9);
  t.same(sink.rows(-1), ['10:00 b=1 r1', '10:00 a=4 r4']);
  t.match(sink.messages.at(-1), { skippedRevisions: 3 });
  t.equal(reader.fullSinceMs, null);
});

t.test('a reader for which too much waits is ended, and no other one', async (t) => {
  const { query, change } = setUp({});
  const [slow, fast] = [new PlayedSink(), new PlayedSink()];
  slow.hasRoom = false;
  await query.join(new LiveReader(slow, 2));
  await query.join(new LiveReader(fast, 2));
  await change({ '1 a': 1, '1 b': 1, '1 c': 1 });
  t.match(slow.messages.at(-1), { type: 'end', code: 'MDS_LIVE_TOO_SLOW', retryable: true });
  t.equal(fast.rows(-1).length, 3);
});

t.test('while the store is away readers wait; what cannot be mended ends them', async (t) => {
  const { world, query, change } = setUp({ '1 a': 1 });
  const sink = new PlayedSink();
  await query.join(new LiveReader(sink, 100));
  world.error = new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'Postgres', reason: 'x' });
  await change({ '1 a': 2 });
  world.error = null;
  await query.refresh();
  t.same(sink.rows(-1), ['1 a=2 r2'], 'tried again without being told');
  world.error = new MdsError('MDS_ANSWER_TOO_LARGE', { limit: 1 });
  await change({ '1 a': 3 });
  t.match(sink.messages.at(-1), { type: 'end', code: 'MDS_ANSWER_TOO_LARGE' });
  t.equal(query.isWanted, false);
});
