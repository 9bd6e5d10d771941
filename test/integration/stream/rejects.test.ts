import t from 'tap';
import { encodeConfluent } from '../../../schemas/confluent-wire.ts';
import { readDeadLetters } from '../harness/dead-letters.ts';
import { acquireStack } from '../harness/stack.ts';
import { until } from '../harness/until.ts';
import { PlayedEdge } from './played-edge.ts';
import { anEvent, avsSchema, encoder, Stage } from './stage.ts';

t.setTimeout(180_000);
const stack = await acquireStack();
const stage = await Stage.start(stack);
t.teardown(async () => {
  await stage.stop();
  await stack.release();
});

t.test(
  'bad records go to the dead-letter topic with reason and bytes, and the good ones around them are delivered',
  async (t) => {
    const topic = await stage.aTopic(1);
    const encode = encoder(topic.schemaId, JSON.parse(topic.schema));
    const edge = await PlayedEdge.start(stage.redisUrl, stage.keys, 'edge1');
    t.teardown(() => edge.stop());
    await stage.aWorker('w1');
    await stage.applied('w1', await stage.assign('w1', stage.all(topic, 1)), 1);
    const channel = await edge.want(topic);
    await edge.joined(channel, 1);
    const good = encode(anEvent());
    const notRecord = await stage.register(topic, 'string', 'not-a-record');
    const bad: [reason: string, value: Uint8Array][] = [
      ['MDS_SCHEMA_UNKNOWN_ID', encodeConfluent(4_000_000, good.subarray(5))],
      ['MDS_RECORD_TRUNCATED', good.subarray(0, good.length - 3)],
      ['MDS_RECORD_TRAILING_BYTES', Buffer.concat([good, Buffer.from([0])])],
      ['MDS_RECORD_NOT_FRAMED', Buffer.from('{"json": true}')],
      ['MDS_RECORD_NOT_FRAMED', Buffer.alloc(0)],
      ['MDS_RECORD_TRUNCATED', encodeConfluent(topic.schemaId, Buffer.from([0xfe, 0xff, 0xff, 0xff, 0x0f]))],
      ['MDS_SCHEMA_NOT_RECORD', encodeConfluent(notRecord, Buffer.from([2, 65]))],
    ];
    for (const [, value] of bad) {
      await stage.produce(topic, 0, value, 'the key');
      await stage.produce(topic, 0, good);
    }
    await stage.produce(topic, 0, null, 'a tombstone');
    await until('the good ones', 40_000, () => channel.deliveries.length === bad.length);
    t.same(
      channel.deliveries.map(({ offset }) => offset),
      bad.map((_, i) => i * 2 + 1),
    );
    const reader = await readDeadLetters(stage.env.MDS_KAFKA_BROKERS ?? '', topic.deadLetterTopic, topic.kafkaTopic);
    t.teardown(reader.close);
    await until('the dead letters', 40_000, () => reader.letters.length === bad.length);
    reader.letters.sort((a, b) => a.offset - b.offset);
    t.same(
      reader.letters.map(({ reason }) => reason),
      bad.map(([reason]) => reason),
    );
    t.same(
      reader.letters.map(({ offset }) => offset),
      bad.map((_, i) => i * 2),
    );
    t.same(
      reader.letters.map(({ value }) => value),
      bad.map(([, value]) => Buffer.from(value)),
      'original bytes',
    );
    t.ok(reader.letters.every(({ message }) => message.length > 10));
    await until('the commit behind them', 40_000, async () => (await stage.committed(topic))[0] === 15);
    const beat = await until('them to be counted', 40_000, async () => {
      const heartbeat = await stage.heartbeat('w1');
      return heartbeat?.rejectedRecords === bad.length ? heartbeat : null;
    });
    t.equal(beat.rejectedRecords, bad.length);
    t.same(edge.gaps, []);
  },
);

t.test('records of older and newer writers flow through the same subscription', async (t) => {
  const field = (name: string, type: unknown, more = {}) => ({ name, type, ...more });
  const record = (...fields: unknown[]) => ({ type: 'record', name: 'Reading', namespace: 'lab', fields });
  const level = { type: 'enum', name: 'Level', symbols: ['LOW', 'HIGH'] };
  const first = record(
    field('id', 'string'),
    field('count', 'int'),
    field('level', level),
    field('note', ['null', 'string'], { default: null }),
  );
  const topic = await stage.aTopic(1, first);
  const ids = {
    first: topic.schemaId,
    promoted: await stage.register(
      topic,
      record(field('id', 'string'), field('count', 'long'), field('level', level)),
      'v2',
    ),
    reordered: await stage.register(
      topic,
      record(field('level', level), field('count', 'double'), field('id', 'string'), field('extra', 'string')),
      'v3',
    ),
    widened: await stage.register(
      topic,
      record(
        field('id', 'string'),
        field('count', ['null', 'int', 'long']),
        field('level', level),
        field('note', ['null', 'string', 'int'], { default: null }),
      ),
      'v4',
    ),
  };
  const edge = await PlayedEdge.start(stage.redisUrl, stage.keys, 'edge2');
  t.teardown(() => edge.stop());
  await stage.aWorker('w2');
  await stage.applied('w2', await stage.assign('w2', stage.all(topic, 1)), 1);
  const channel = await edge.want(topic, { filter: 'count > 10 && level == HIGH' });
  await edge.joined(channel, 1);
  const send = async (id: number, schema: unknown, value: unknown): Promise<void> => {
    await stage.produce(topic, 0, encoder(id, schema)(value));
  };
  const schemas = Object.fromEntries(
    await Promise.all(
      Object.entries(ids).map(async ([name, id]) => {
        const found = await stage.registry.getSchemaById(id);
        return [name, found === 'unknown' ? null : JSON.parse(found.schema)] as const;
      }),
    ),
  );
  for (const count of [5, 50]) {
    await send(ids.first, schemas.first, { id: `first${count}`, count, level: 'HIGH', note: 'n' });
    await send(ids.promoted, schemas.promoted, { id: `promoted${count}`, count, level: 'HIGH' });
    await send(ids.reordered, schemas.reordered, {
      id: `reordered${count}`,
      count: count + 0.5,
      level: 'HIGH',
      extra: 'x',
    });
    await send(ids.widened, schemas.widened, {
      id: `widened${count}`,
      count: { int: count },
      level: 'HIGH',
      note: null,
    });
    await send(ids.first, schemas.first, { id: `low${count}`, count, level: 'LOW', note: null });
  }
  await until(
    'the matching ones',
    40_000,
    () => channel.deliveries.length >= 4,
    () => channel.deliveries,
  );
  t.same(
    channel.deliveries.map(({ data }) => data.id),
    ['first50', 'promoted50', 'reordered50', 'widened50'],
  );
  t.equal(channel.deliveries[2]?.data.extra, 'x', 'a whole event shows what its writer wrote');
  t.same(edge.gaps, []);
});

t.test('a batch record is many events with one offset', async (t) => {
  const topic = await stage.aTopic(1);
  const batch = {
    ...avsSchema('MonitoringEventBatch'),
    fields: [{ name: 'events', type: { type: 'array', items: avsSchema('MonitoringEvent') } }],
  };
  const encode = encoder(await stage.register(topic, batch, 'batch'), batch);
  const edge = await PlayedEdge.start(stage.redisUrl, stage.keys, 'edge3');
  t.teardown(() => edge.stop());
  await stage.aWorker('w3');
  await stage.applied('w3', await stage.assign('w3', stage.all(topic, 1)), 1);
  const channel = await edge.want(topic, { filter: 'value >= 1.0' });
  await edge.joined(channel, 1);
  await stage.produce(topic, 0, encode({ events: [0, 1, 2].map((value) => anEvent({ value })) }));
  await stage.produce(topic, 0, encode({ events: [] }));
  await stage.produce(topic, 0, encode({ events: [3].map((value) => anEvent({ value })) }));
  await until('its matches', 40_000, () => channel.deliveries.length === 3);
  t.same(
    channel.deliveries.map(({ offset, index }) => [offset, index]),
    [
      [0, 1],
      [0, 2],
      [2, 0],
    ],
  );
});
