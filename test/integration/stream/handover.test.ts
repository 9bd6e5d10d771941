import t from 'tap';
import { acquireStack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';
import { PlayedEdge } from './played-edge.ts';
import { anEvent, encoder, Stage } from './stage.ts';

t.setTimeout(180_000);
const stack = await acquireStack();
const stage = await Stage.start(stack);
t.teardown(async () => {
  await stage.stop();
  await stack.release();
});

t.test('partitions move between workers during a flow and the lane sees one unbroken range', async (t) => {
  const topic = await stage.aTopic(4);
  const encode = encoder(topic.schemaId, JSON.parse(topic.schema));
  const edge = await PlayedEdge.start(stage.redisUrl, stage.keys, 'edge1');
  t.teardown(() => edge.stop());
  await Promise.all([stage.aWorker('w1', { MDS_KERNEL_THREADS: '2' }), stage.aWorker('w2')]);
  await stage.applied('w1', await stage.assign('w1', stage.all(topic, 1)), 4);
  const channel = await edge.want(topic);
  await edge.joined(channel, 4);

  let produced = 0;
  let isFlowing = true;
  const flow = (async () => {
    while (isFlowing) {
      await Promise.all(Array.from({ length: 20 }, () => stage.produce(topic, produced++ % 4, encode(anEvent()))));
    }
  })();
  // Two go to w2 and come back, then all go: each time the old owner lets go before the new one is told.
  const [p0, p1, p2, p3] = [0, 1, 2, 3].map((partition) => ({ topicId: topic.topicId, partition }));
  const at = (epoch: number, ...places: unknown[]) =>
    places.map((place) => ({ ...(place as typeof p0), epoch })) as never;
  await stage.applied('w1', await stage.assign('w1', at(1, p0, p1)), 2);
  await stage.applied('w2', await stage.assign('w2', at(2, p2, p3)), 2);
  await stage.applied('w2', await stage.assign('w2', at(2, p3)), 1);
  await stage.applied('w1', await stage.assign('w1', [...at(1, p0, p1), ...at(3, p2)] as never), 3);
  await stage.applied('w1', await stage.assign('w1', []), 0);
  await stage.applied('w2', await stage.assign('w2', [...at(2, p3, p0, p1), ...at(4, p2)] as never), 4);
  isFlowing = false;
  await flow;

  await until(
    'all events',
    40_000,
    () => channel.deliveries.length >= produced,
    () => channel.deliveries.length,
  );
  t.equal(channel.deliveries.length, produced, 'nothing lost, nothing doubled');
  for (const partition of [0, 1, 2, 3]) {
    const offsets = channel.deliveries.filter((one) => one.partition === partition).map(({ offset }) => offset);
    t.same(
      offsets,
      Array.from({ length: offsets.length }, (_, i) => i),
      'in order',
    );
  }
  t.same(edge.gaps, []);
  await until('w2 to have committed all', 40_000, async () => {
    const committed = await stage.committed(topic);
    return committed.reduce((sum: number, offset) => sum + (offset ?? 0), 0) === produced;
  });
});

t.test(
  'a worker that is granted a partition of a dead one repeats what was not committed, and the edge skips it',
  async (t) => {
    const topic = await stage.aTopic(1);
    const encode = encoder(topic.schemaId, JSON.parse(topic.schema));
    const edge = await PlayedEdge.start(stage.redisUrl, stage.keys, 'edge2');
    t.teardown(() => edge.stop());
    // Its commits come too late: as if it had been killed before.
    await stage.aWorker('zombie', { MDS_COMMIT_INTERVAL_MS: '60000' });
    await stage.applied('zombie', await stage.assign('zombie', stage.all(topic, 1)), 1);
    const channel = await edge.want(topic);
    await edge.joined(channel, 1);
    for (let i = 0; i < 50; i++) await stage.produce(topic, 0, encode(anEvent()));
    await until('the events', 40_000, () => channel.deliveries.length === 50);
    await stage.aWorker('heir');
    await stage.applied('heir', await stage.assign('heir', stage.all(topic, 2)), 1);
    await until('the heir to repeat them', 40_000, () => edge.last.get(0)?.epoch === 2);
    for (let i = 0; i < 50; i++) await stage.produce(topic, 0, encode(anEvent()));
    await until('more events', 40_000, () => channel.deliveries.length >= 100);
    t.equal(channel.deliveries.length, 100);
    t.ok(
      edge.envelopes.some(({ epoch, from }) => epoch === 2 && from.offset < 49),
      'the heir began at the last commit',
    );
    t.same(edge.gaps, []);
  },
);

t.test('a channel that was wanted while a notice was lost is found by anti-entropy', async (t) => {
  const topic = await stage.aTopic(2);
  const edge = await PlayedEdge.start(stage.redisUrl, stage.keys, 'edge3');
  t.teardown(() => edge.stop());
  await stage.aWorker('w3');
  await stage.applied('w3', await stage.assign('w3', stage.all(topic, 1)), 2);
  await edge.joined(await edge.want(topic), 2);
  await edge.joined(await edge.want(topic, { filter: 'kind == ALERT' }, false), 2);
  await edge.want(topic, { filter: 'kind == LOG' }, false);
  const last = await edge.want(topic, { filter: 'kind == HEALTH' });
  await edge.joined(last, 2);
  t.equal([...edge.channels.values()].filter(({ joined }) => joined.size === 2).length, 4, 'a jump reads everything');
  t.same(edge.gaps, []);
});

t.test('joining on idle partitions takes less than 50 ms, and a channel that left gets nothing', async (t) => {
  const topic = await stage.aTopic(2);
  const encode = encoder(topic.schemaId, JSON.parse(topic.schema));
  const edge = await PlayedEdge.start(stage.redisUrl, stage.keys, 'edge4');
  t.teardown(() => edge.stop());
  await stage.aWorker('w4');
  await stage.applied('w4', await stage.assign('w4', stage.all(topic, 1)), 2);
  const times: number[] = [];
  for (let i = 0; i < 30; i++) {
    const startedMs = performance.now();
    const channel = await edge.want(topic, { filter: `value > ${i}.5` });
    while (channel.joined.size < 2) await new Promise((resolve) => setImmediate(resolve));
    times.push(performance.now() - startedMs);
    if (i < 29) await edge.withdraw(channel);
  }
  times.sort((a, b) => a - b);
  const medianMs = times[15] ?? 0;
  t.comment(`join: median ${medianMs.toFixed(1)} ms, worst ${times.at(-1)?.toFixed(1)} ms`);
  t.ok(medianMs < 50, `the median is ${medianMs} ms`);
  const [channel] = edge.channels.values();
  if (!channel) throw new Error('the last channel is gone');
  await stage.produce(topic, 0, encode(anEvent({ value: 100 })));
  await until('the event', 40_000, () => channel.deliveries.length === 1);
  const envelope = edge.envelopes.find(({ events }) => events.length > 0);
  t.same(
    envelope?.channels.map((one) => one.channel),
    [channel.channel],
    'and nothing for the others',
  );
});
