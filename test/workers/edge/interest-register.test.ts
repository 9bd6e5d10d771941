import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { createLogger } from '../../../platform/log.ts';
import { type Interest, redisKeys } from '../../../schemas/coordination.ts';
import { InterestRegister } from '../../../workers/edge/interest-register.ts';

const keys = redisKeys('t');
const wish = (channel: string, generation: number): Interest => ({ channel, topicId: 1, generation, plan: {} });

function setUp() {
  const world = {
    written: [] as (readonly (string | number)[])[][],
    failures: 0,
    isConnected: true,
    fields: 1,
    wishes: [] as Interest[],
  };
  const register = new InterestRegister({
    edgeId: 'e',
    keys,
    log: createLogger('test', 'silent'),
    all: () => world.wishes,
    store: {
      get isConnected() {
        return world.isConnected;
      },
      transact: async (commands) => {
        if (world.failures-- > 0) throw new Error('lost');
        world.written.push([...commands]);
      },
      expire: async () => world.fields,
    },
  });
  const changes = () => world.written.map((commands) => JSON.parse(String(commands.at(-1)?.[2])));
  return { world, register, changes };
}

t.test('the first write is of everything, later ones of changes, those of one moment together', async (t) => {
  const { register, changes } = setUp();
  register.writeAll();
  await delay(1);
  register.add(wish('a', 1));
  register.add(wish('b', 2));
  register.remove('b', 2);
  await delay(1);
  t.match(changes(), [
    { seq: 2, add: [], remove: [] },
    { seq: 3, add: [{ channel: 'a', generation: 1 }], remove: [{ channel: 'b', generation: 2 }] },
  ]);
  t.ok(register.isWritten);
});

t.test('after a failed write everything is written again, with a jump in the sequence', async (t) => {
  const { world, register, changes } = setUp();
  register.writeAll();
  await delay(1);
  world.failures = 1;
  world.wishes = [wish('a', 1)];
  register.add(wish('a', 1));
  await delay(1);
  t.notOk(register.isWritten);
  await delay(300);
  t.match(changes().at(-1), { seq: 5, add: [], remove: [] });
  t.match(world.written.at(-1)?.[1], ['hset', keys.interest('e'), '#seq', 5, 'a', String]);
});

t.test('a key that Redis has lost is written again', async (t) => {
  const { world, register } = setUp();
  register.writeAll();
  await delay(1);
  await register.refresh();
  await delay(1);
  t.equal(world.written.length, 1);
  world.fields = 0;
  await register.refresh();
  await delay(1);
  t.equal(world.written.length, 2);
});

// Redis restarts empty and is told of one new wish before the next beat: the hash is there again, with that one alone.
t.test('a key of which Redis has lost a part is written again', async (t) => {
  const { world, register } = setUp();
  world.wishes = [wish('a', 1), wish('b', 2)];
  register.writeAll();
  await delay(1);
  world.fields = 3;
  await register.refresh();
  await delay(1);
  t.equal(world.written.length, 1, 'both, and the sequence number');
  world.fields = 2;
  await register.refresh();
  await delay(1);
  t.equal(world.written.length, 2);
});

t.test('a wish that cannot reach the workers is refused', async (t) => {
  const { world, register } = setUp();
  register.assertReachable();
  world.isConnected = false;
  t.throws(() => register.assertReachable(), { code: 'MDS_DEPENDENCY_UNAVAILABLE' });
});

t.test('at the end everything is withdrawn and nothing is written afterwards', async (t) => {
  const { world, register } = setUp();
  await register.withdraw();
  register.add(wish('a', 1));
  await delay(1);
  t.match(world.written, [[['del', keys.interest('e')], ['publish']]]);
  t.equal(world.written.length, 1);
});
