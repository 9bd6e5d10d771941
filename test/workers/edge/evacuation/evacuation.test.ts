import t from 'tap';
import type { MdsError } from '../../../../schemas/errors.ts';
import { OPEN_IDENTITY } from '../../../../schemas/identity/identity.ts';
import type { Drainable } from '../../../../workers/edge/drain.ts';
import { EdgeSpread } from '../../../../workers/edge/evacuation/edge-spread.ts';
import { Evacuation } from '../../../../workers/edge/evacuation/evacuation.ts';

interface Goodbye {
  readonly atMs: number;
  readonly closeCode: number;
  readonly code: string;
  readonly edges: readonly string[];
}

function setUp(clients: number) {
  const world = { nowMs: 1000, isDraining: false, goodbyes: [] as Goodbye[] };
  const open = new Set<Drainable>();
  for (let i = 0; i < clients; i++) {
    const close = (closeCode: number, { code }: MdsError, edges: readonly string[] = []): void => {
      world.goodbyes.push({ atMs: world.nowMs, closeCode, code, edges });
    };
    const rest = {
      identity: OPEN_IDENTITY,
      format: 'json' as const,
      bufferedBytes: 0,
      isThrottled: false,
      send() {},
      onSubscriptionEnded() {},
      awaitRoom() {},
    };
    open.add({ ...rest, close });
  }
  const connections = {
    open,
    startDraining: () => {
      world.isDraining = true;
    },
    stopDraining: () => {
      world.isDraining = false;
    },
  };
  const changes: unknown[] = [];
  const onChange = (progress: unknown): void => void changes.push(progress);
  const evacuation = new Evacuation({ connections, now: () => world.nowMs, onChange });
  const pass = (ms: number): void => {
    for (const end = world.nowMs + ms; world.nowMs < end; world.nowMs += 100) evacuation.tick();
  };
  return { world, evacuation, changes, pass };
}

const WISH = { isWanted: true, clientsPerSecond: 10, isForced: false };
const OTHERS = [
  { clientUrl: 'ws://b', connections: 5 },
  { clientUrl: 'ws://c', connections: 2 },
];

t.test('clients leave at the rate that was asked for, each once, until none is left', async (t) => {
  const { world, evacuation, pass } = setUp(25);
  evacuation.onWish(WISH);
  evacuation.onEdges(OTHERS);
  t.ok(world.isDraining, 'nobody new comes');
  pass(1000);
  t.ok(world.goodbyes.length >= 10 && world.goodbyes.length <= 12, `${world.goodbyes.length}`);
  pass(5000);
  t.equal(world.goodbyes.length, 25);
  t.match(world.goodbyes[0], { closeCode: 4000, code: 'MDS_EDGE_EVACUATED' });
  t.match(evacuation.progress, { clientsAtStart: 25, movedClients: 25, clientsPerSecond: 10, isWaiting: false });
});

t.test('each goes to the edge with the fewest connections, counting those on their way', async (t) => {
  const { world, evacuation, pass } = setUp(9);
  evacuation.onWish({ ...WISH, clientsPerSecond: 1000 });
  evacuation.onEdges(OTHERS);
  pass(1000);
  const best = world.goodbyes.map(({ edges }) => edges[0]);
  t.equal(best.filter((edge) => edge === 'ws://c').length, 6, 'two and six are as many as five and three');
  t.same(best.slice(0, 3), ['ws://c', 'ws://c', 'ws://c']);
  t.ok(world.goodbyes.every(({ edges }) => edges.length === 2));
});

t.test('a heartbeat that does not tell of them yet does not call for more', async (t) => {
  const spread = new EdgeSpread();
  spread.update(OTHERS, 0);
  for (let i = 0; i < 5; i++) spread.next(0);
  spread.update(OTHERS, 1000);
  t.equal(spread.next(1000)[0], 'ws://b', 'c has four of them on their way, b one');
  spread.update(OTHERS, 10_000);
  t.equal(spread.next(10_000)[0], 'ws://c', 'they never came');
});

t.test('while no other edge runs everybody stays, unless it is forced', async (t) => {
  const { world, evacuation, pass } = setUp(3);
  evacuation.onWish(WISH);
  pass(1000);
  t.same(world.goodbyes, []);
  t.match(evacuation.progress, { isWaiting: true });
  evacuation.onWish({ ...WISH, isForced: true });
  pass(1000);
  t.equal(world.goodbyes.length, 3);
  t.match(world.goodbyes[0], { edges: [] });
});

t.test('called off, the edge takes clients again and those who are left stay', async (t) => {
  const { world, evacuation, changes, pass } = setUp(10);
  evacuation.onWish(WISH);
  evacuation.onEdges(OTHERS);
  pass(300);
  const gone = world.goodbyes.length;
  evacuation.onWish(WISH); // read again with the next beat
  evacuation.onWish({ ...WISH, isWanted: false });
  pass(5000);
  t.equal(world.goodbyes.length, gone);
  t.notOk(world.isDraining);
  t.equal(evacuation.progress, null);
  t.match(changes, [{ clientsAtStart: 10 }, null]);
  t.equal(changes.length, 2);
});

t.test('when the process stops, who is left goes with the drain', async (t) => {
  const { world, evacuation, pass } = setUp(10);
  evacuation.onWish(WISH);
  evacuation.onEdges(OTHERS);
  evacuation.stop();
  evacuation.onWish({ ...WISH, isWanted: false });
  pass(1000);
  t.same(world.goodbyes, []);
  t.ok(world.isDraining);
});
