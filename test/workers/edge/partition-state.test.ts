import t from 'tap';
import { afterRecord, beforeRecord } from '../../../schemas/cursor.ts';
import { type LaneRange, PartitionState } from '../../../workers/edge/partition-state.ts';

const X = 'x'.repeat(32);
const Y = 'y'.repeat(32);
const wantsAll = (): boolean => true;

/** Records [first, next): the envelope's range. */
const range = (first: number, next: number, epoch: number, ...joined: string[]): LaneRange => ({
  epoch,
  from: beforeRecord(first),
  to: afterRecord(next - 1),
  joined: joined.map((channel) => ({ channel, generation: 1 })),
});

/** A partition applied up to record 9 with X joined, in epoch 5. */
function following(...alsoJoined: string[]): PartitionState {
  const state = new PartitionState();
  state.apply(range(0, 10, 5, X, ...alsoJoined), wantsAll);
  return state;
}

t.test('nothing is applied before a channel is joined', async (t) => {
  const state = new PartitionState();
  t.same(state.apply(range(0, 5, 1), wantsAll), { kind: 'ignored', reason: 'no_baseline' });
  t.same(
    state.apply(range(5, 6, 1, X), () => false),
    { kind: 'ignored', reason: 'no_baseline' },
  );
  t.equal(state.last, null);
});

t.test('the first notice sets the baseline at the envelope’s beginning', async (t) => {
  const step = new PartitionState().apply(range(5, 9, 1, X), wantsAll);
  t.match(step, { kind: 'applied', after: beforeRecord(5), to: afterRecord(8), joined: [X], lost: [], missed: false });
});

t.test('a contiguous range is applied and loses nobody', async (t) => {
  t.match(following().apply(range(10, 12, 5), wantsAll), {
    after: afterRecord(9),
    to: afterRecord(11),
    lost: [],
    missed: false,
  });
});

t.test('a range behind a gap is applied from its beginning, and every joined channel has lost', async (t) => {
  const step = following(Y).apply(range(12, 14, 5), wantsAll);
  t.match(step, { after: beforeRecord(12), to: afterRecord(13), lost: [X, Y], unjoined: [], missed: true });
});

t.test('an envelope that comes twice is not applied again', async (t) => {
  t.same(following().apply(range(0, 10, 5, X), wantsAll), { kind: 'ignored', reason: 'already_applied' });
});

t.test('of an overlapping range only what is new is applied', async (t) => {
  t.match(following().apply(range(5, 12, 5), wantsAll), { after: afterRecord(9), to: afterRecord(11), lost: [] });
});

t.test("a zombie owner's envelopes are dropped", async (t) => {
  t.same(following().apply(range(10, 20, 4, X), wantsAll), { kind: 'ignored', reason: 'zombie' });
});

t.test('a new owner that names every joined channel goes on where the old one was', async (t) => {
  const state = following(Y);
  t.match(state.apply(range(3, 6, 6, X, Y), wantsAll), {
    after: afterRecord(9),
    to: afterRecord(9),
    lost: [],
    missed: false,
  });
  t.match(state.apply(range(6, 12, 6), wantsAll), { after: afterRecord(9), to: afterRecord(11), lost: [] });
});

t.test('a channel that a new owner does not name has lost, and must be asked for again', async (t) => {
  const state = following(Y);
  t.match(state.apply(range(10, 12, 6, Y), wantsAll), { lost: [X], unjoined: [X], missed: true });
  t.notOk(state.isJoined(X));
  t.ok(state.isJoined(Y));
});

t.test('a new owner that begins behind a gap loses even the channels it names', async (t) => {
  const state = following();
  t.match(state.apply(range(15, 16, 6, X), wantsAll), { after: beforeRecord(15), lost: [X], unjoined: [] });
  t.ok(state.isJoined(X));
});

t.test('a notice for a joined channel in the same epoch means that the worker had forgotten it', async (t) => {
  t.match(following(Y).apply(range(10, 12, 5, X), wantsAll), { joined: [], lost: [X], unjoined: [] });
});

t.test('a forgotten channel is joined again by the next notice, without a loss', async (t) => {
  const state = following();
  state.forget(X);
  t.match(state.apply(range(10, 12, 5, X), wantsAll), { joined: [X], lost: [] });
});
