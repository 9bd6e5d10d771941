import t from 'tap';
import { EnvelopeReader } from '../../../schemas/envelope-reader.ts';
import { isLaneProbe, laneProbe } from '../../../schemas/lane-probe.ts';
import { LaneWatch } from '../../../workers/edge/lane-watch.ts';
import { anEnvelope } from './gathering.ts';

/** A lane on which probes come back unless it is told otherwise. */
function setUp() {
  const world = {
    nowMs: 10_000,
    probes: 0,
    listeners: 1,
    arrives: true,
    accepts: true,
    isConnected: true,
    starved: [] as string[],
  };
  const watch = new LaneWatch({
    publish: async () => {
      world.probes += 1;
      if (!world.accepts) throw new Error('no answer');
      if (world.arrives) watch.onSign();
      return world.listeners;
    },
    isPublisherConnected: () => world.isConnected,
    onStarved: (reason) => void world.starved.push(reason),
    now: () => world.nowMs,
  });
  /** Lets time go by as the edge's clockwork does. */
  const pass = async (ms: number, stepMs = 50): Promise<void> => {
    for (let passed = 0; passed < ms; passed += stepMs) {
      world.nowMs += stepMs;
      watch.tick();
      await new Promise((resolve) => setImmediate(resolve)); // the probe's answer
    }
  };
  return { world, watch, pass };
}

t.test('a lane that speaks is not probed', async (t) => {
  const { world, watch, pass } = setUp();
  for (let i = 0; i < 10; i++) {
    await pass(250);
    watch.onSign();
  }
  t.equal(world.probes, 0);
});

t.test('a silent lane is probed, and as long as probes come back nothing is done', async (t) => {
  const { world, pass } = setUp();
  await pass(5000);
  t.ok(world.probes >= 10);
  t.same(world.starved, []);
});

t.test('probes that Redis took and that do not come back: starved, within a second of the last sign', async (t) => {
  const { world, pass } = setUp();
  world.arrives = false;
  await pass(1000);
  t.equal(world.starved[0], 'probe_lost');
});

t.test('what arrives after a probe is a sign of life, whatever it is', async (t) => {
  const { world, watch, pass } = setUp();
  world.arrives = false;
  for (let i = 0; i < 10; i++) {
    await pass(450);
    watch.onSign();
  }
  t.same(world.starved, []);
});

t.test('a probe that nobody listens to shows at once that the lane is not subscribed', async (t) => {
  const { world, pass } = setUp();
  world.arrives = false;
  world.listeners = 0;
  await pass(400);
  t.same(world.starved, ['not_subscribed']);
});

t.test('a probe that Redis does not take says nothing of the lane', async (t) => {
  const { world, pass } = setUp();
  world.accepts = false;
  world.isConnected = false;
  await pass(5000);
  t.same(world.starved, []);
});

t.test('a connection for commands that looks well and gets no answers is told', async (t) => {
  const { world, pass } = setUp();
  world.accepts = false;
  await pass(400);
  t.same(world.starved, ['commands_stalled']);
});

t.test('a process that stood still has not read what arrived meanwhile: nobody is starved for that', async (t) => {
  const { world, pass } = setUp();
  world.arrives = false;
  await pass(350);
  t.equal(world.probes, 1);
  await pass(3000, 3000);
  t.same(world.starved, []);
  await pass(600);
  t.equal(world.starved[0], 'probe_lost');
});

t.test('a probe is no envelope, and no envelope is a probe', async (t) => {
  t.ok(isLaneProbe(laneProbe(0xffffffff)));
  t.throws(() => new EnvelopeReader(laneProbe(1)), { code: 'MDS_LANE_CORRUPT' });
  t.notOk(isLaneProbe(anEnvelope([]).bytes));
  t.notOk(isLaneProbe(Buffer.from('12345678')));
});
