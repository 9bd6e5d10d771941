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
  t.match(step, { kind: 'applied', after: beforeRecord(5), to: afterRecord(8), joined: [X], missed: false });
});

t.test('a contiguous range is applied and loses nobody', async (t) => {
  t.match(following().apply(range(10, 12, 5), wantsAll), {
    after: afterRecord(9),
    to: afterRecord(11),
    rejoined: [],
    unjoined: [],
    missed: false,
  });
});

t.test('a range behind a gap changes nothing, until what is missing has come another way', async (t) => {
  const state = following(Y);
  t.same(state.apply(range(12, 14, 5), wantsAll), { kind: 'gap', after: afterRecord(9) });
  t.same(state.last, afterRecord(9));
  state.moveTo(afterRecord(11));
  t.match(state.apply(range(12, 14, 5), wantsAll), { kind: 'applied', after: afterRecord(11), to: afterRecord(13) });
});

t.test('where no channel is joined, a gap concerns nobody', async (t) => {
  const state = following();
  state.forget(X);
  t.match(state.apply(range(12, 14, 5), wantsAll), { kind: 'applied', after: beforeRecord(12), missed: true });
});

t.test('an envelope that comes twice is not applied again', async (t) => {
  t.same(following().apply(range(0, 10, 5, X), wantsAll), { kind: 'ignored', reason: 'already_applied' });
});

t.test('of an overlapping range only what is new is applied', async (t) => {
  t.match(following().apply(range(5, 12, 5), wantsAll), { after: afterRecord(9), to: afterRecord(11) });
});

t.test("a zombie owner's envelopes are dropped", async (t) => {
  t.same(following().apply(range(10, 20, 4, X), wantsAll), { kind: 'ignored', reason: 'zombie' });
});

t.test('a new owner that names every joined channel goes on where the old one was', async (t) => {
  const state = following(Y);
  t.match(state.apply(range(3, 6, 6, X, Y), wantsAll), {
    after: afterRecord(9),
    to: afterRecord(9),
    unjoined: [],
    missed: false,
  });
  t.match(state.apply(range(6, 12, 6), wantsAll), { after: afterRecord(9), to: afterRecord(11), unjoined: [] });
});

t.test('a channel that a new owner does not name is no longer matched, and must be asked for again', async (t) => {
  const state = following(Y);
  t.match(state.apply(range(10, 12, 6, Y), wantsAll), { unjoined: [X], after: afterRecord(9), missed: true });
  t.notOk(state.joined.has(X));
  t.ok(state.joined.has(Y));
});

t.test('a new owner that begins behind a gap waits for the repair as any other', async (t) => {
  const state = following();
  t.match(state.apply(range(15, 16, 6, X), wantsAll), { kind: 'gap' });
  t.match(state.apply(range(10, 12, 5), wantsAll), { kind: 'applied' }, 'the epoch has not changed');
  state.moveTo(afterRecord(14));
  t.match(state.apply(range(15, 16, 6, X), wantsAll), { kind: 'applied', unjoined: [], joined: [] });
});

t.test('a notice for one of the joined channels in the same epoch means that its owner had forgotten it', async (t) => {
  t.match(following(Y).apply(range(10, 12, 5, X), wantsAll), { joined: [], rejoined: [X], unjoined: [] });
});

t.test('notices for all of them mean that the whole lane was forgotten, and ranges show what is missing', async (t) => {
  t.match(following(Y).apply(range(10, 12, 5, X, Y), wantsAll), { joined: [], rejoined: [], unjoined: [] });
});

t.test('a forgotten channel is joined again by the next notice', async (t) => {
  const state = following();
  state.forget(X);
  t.match(state.apply(range(10, 12, 5, X), wantsAll), { joined: [X], rejoined: [] });
});
