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

t.test('a channel gets every match behind the cursor at which it joined, in order', async (t) => {
  const topic = await stage.aTopic(2);
  const encode = encoder(topic.schemaId, JSON.parse(topic.schema));
  for (let i = 0; i < 4; i++) await stage.produce(topic, i % 2, encode(anEvent()));
  await stage.aWorker('w1');
  const edge = await PlayedEdge.start(stage.redisUrl, stage.keys, 'edge1');
  t.teardown(() => edge.stop());
  await stage.applied('w1', await stage.assign('w1', stage.all(topic, 1)), 2);
  await until('the old events to be dealt with', 40_000, async () =>
    (await stage.committed(topic)).every((offset) => offset === 2),
  );
  const everything = await edge.want(topic);
  const critical = await edge.want(topic, { filter: 'severity >= ERROR', fields: ['id', 'severity'] });
  await edge.joined(everything, 2);
  await edge.joined(critical, 2);
  t.same(
    [...everything.joined.values()].map(({ offset }) => offset),
    [1, 1],
    'joined behind what was there',
  );
  const events = Array.from({ length: 200 }, (_, i) => anEvent({ severity: i % 3 === 0 ? 'CRITICAL' : 'INFO' }));
  await Promise.all(events.map((event, i) => stage.produce(topic, i % 2, encode(event))));
  await until(
    'all events',
    10_000,
    () => everything.deliveries.length >= 200,
    () => everything.deliveries.length,
  );
  for (const partition of [0, 1]) {
    const got = everything.deliveries.filter((delivery) => delivery.partition === partition);
    t.same(
      got.map(({ offset }) => offset),
      Array.from({ length: 100 }, (_, i) => i + 2),
    );
    t.same(
      got.map(({ data }) => data),
      events.filter((_, i) => i % 2 === partition),
    );
  }
  t.same(
    critical.deliveries.map(({ data }) => data.id).sort(),
    events
      .filter(({ severity }) => severity === 'CRITICAL')
      .map(({ id }) => id)
      .sort(),
  );
  t.same(Object.keys(critical.deliveries[0]?.data ?? {}).sort(), ['id', 'severity'], 'only the projected fields');
  t.same(edge.gaps, []);
  await until('the offsets to be committed', 40_000, async () => {
    const offsets = await stage.committed(topic);
    return offsets.every((offset) => offset === 102);
  });
});
