// Dead letters on the real stack: written as stream workers write them, indexed, inspected, redriven and purged over REST.
// Edges are played by writing what edges write into Redis.

import avsc from 'avsc';
import t, { type Test } from 'tap';
import { Check } from 'typebox/value';
import { DEAD_LETTER_SCHEMA, type DeadLetterRecord, encodeDeadLetter } from '../../../platform/dead-letter-record.ts';
import { KafkaRecordReader } from '../../../platform/kafka-record-reader.ts';
import { createLogger } from '../../../platform/log.ts';
import { createRegistry } from '../../../platform/registry.ts';
import { DeadLetter, InspectedDeadLetter, Redrive } from '../../../schemas/api/dead-letter.ts';
import { encodeConfluent } from '../../../schemas/confluent-wire.ts';
import { readMessage } from '../../../schemas/coordination.ts';
import { durableKeys, RedriveState } from '../../../schemas/durable.ts';
import { until } from '../harness/until.ts';
import { runControlPlane, surroundings } from './control-plane-in-process.ts';
import { anOrder, aProducer, aTopic, type OrderTopic } from './durable-records.ts';

t.setTimeout(180_000);
const WAIT_MS = 30_000;
const DLQ = 'default.dead-letter';
const around = await surroundings(t);
const { namespace, redis, db } = around;
const keys = durableKeys(namespace.id);
const whole = t;
let api = await runControlPlane(whole, around);
const producer = await aProducer(t, around);
const registry = createRegistry(namespace.env.MDS_REGISTRY_URL ?? '');
t.teardown(() => registry.close());

let sequence = 0;
const named = (name: string): string => `${name}-${++sequence}-${namespace.id}`;

interface Stage {
  readonly topic: OrderTopic;
  readonly subscription: { readonly id: string; readonly name: string };
}

async function aStage(name: string): Promise<Stage> {
  const topic = await aTopic(api, named(name), 1);
  const { body } = await api.call('POST', '/v1/subscriptions', { name: named(name), topic: topic.name });
  return { topic, subscription: body };
}

const aLetter = ({ topic, subscription }: Stage, given: Partial<DeadLetterRecord> = {}): DeadLetterRecord => ({
  topic: topic.kafkaTopic,
  partition: 0,
  offset: 0,
  reason: 'MDS_EVENT_REFUSED',
  message: 'The consumer refused the event.',
  recordTimestamp: 1_700_000_000_000,
  rejectedAt: Date.now(),
  key: Buffer.from('order-1'),
  value: anOrder(topic, 7),
  index: 0,
  subscription: subscription.id,
  subscriptionName: subscription.name,
  shard: 0,
  attempts: 5,
  consumer: 'biller-1',
  ...given,
});
const rejected = {
  index: null,
  subscription: null,
  subscriptionName: null,
  shard: null,
  attempts: null,
  consumer: null,
};

async function write(...letters: readonly DeadLetterRecord[]): Promise<void> {
  const schemaId = await registry.register(`${DLQ}-value`, DEAD_LETTER_SCHEMA);
  for (const letter of letters) await producer.produce(DLQ, 0, encodeDeadLetter(schemaId, letter));
}

const list = async (query: Record<string, string>): Promise<DeadLetter[]> =>
  (await api.call('GET', `/v1/dead-letters?${new URLSearchParams(query)}`)).body.items;
const listed = (count: number, query: Record<string, string>): Promise<DeadLetter[]> =>
  until(`${count} letters`, WAIT_MS, async () => {
    const letters = await list(query);
    return letters.length === count ? letters : null;
  });
const one = async (query: Record<string, string>): Promise<DeadLetter> => {
  const [letter] = await listed(1, query);
  if (letter === undefined) throw new Error('there is one');
  return letter;
};
const redrive = (id: string) => api.call('POST', `/v1/dead-letters/${id}/redrive`);
const inState = (id: string, state: string): Promise<InspectedDeadLetter> =>
  until(`${id} to be ${state}`, WAIT_MS, async () => {
    const { body } = await api.call('GET', `/v1/dead-letters/${id}`);
    return body.state === state ? body : null;
  });
const wantedOf = (id: string, field: string): Promise<RedriveState> =>
  until('the edge to be asked', WAIT_MS, async () => {
    const text = await redis.hget(keys.redrive(id, 0), field);
    return text === null ? null : readMessage(RedriveState, text);
  });
/** What the owner of the shard says. */
async function answer(id: string, field: string, state: Partial<RedriveState>): Promise<void> {
  const wanted = await wantedOf(id, field);
  await redis.hset(keys.redrive(id, 0), field, JSON.stringify({ ...wanted, ...state }));
}

t.test('a letter is found by everything one may know of it, and shows its event', async (t) => {
  const stage = await aStage('found');
  const { topic, subscription } = stage;
  const at = Date.now();
  await write(aLetter(stage, { rejectedAt: at }), aLetter(stage, { ...rejected, offset: 1, rejectedAt: at + 2 }));
  await listed(2, { topic: topic.name });
  const letter = await one({ subscription: subscription.name });
  t.ok(Check(DeadLetter, letter), 'of the documented shape');
  t.match(letter, {
    state: 'dead',
    topic: topic.name,
    cursor: { partition: 0, offset: 0, index: 0 },
    subscription: { id: subscription.id, name: subscription.name, shard: 0 },
    reason: 'MDS_EVENT_REFUSED',
    attempts: 5,
    consumer: 'biller-1',
    key: 'order-1',
    redrives: 0,
  });
  const time = (ms: number) => new Date(ms).toISOString();
  const found = async (query: Record<string, string>) =>
    (await list({ topic: topic.name, ...query })).map(({ cursor }) => cursor.offset);
  t.same(await found({ subscription: subscription.id }), [0]);
  t.same(await found({ from: time(at), to: time(at + 1) }), [0]);
  t.same(await found({ from: time(at + 1) }), [1]);
  t.same(await found({ key: 'order-1' }), [1, 0], 'newest first');
  for (const query of [{ key: 'order-2' }, { reason: 'MDS_X' }, { state: 'purged' }, { subscription: 'nobody' }]) {
    t.same(await found(query), [], JSON.stringify(query));
  }
  const shown = (await api.call('GET', `/v1/dead-letters/${letter.id}`)).body;
  t.ok(Check(InspectedDeadLetter, shown), 'of the documented shape');
  t.match(shown, {
    schemaId: topic.schemaId,
    events: [{ amount: 7 }],
    problem: null,
    original: { key: Buffer.from('order-1').toString('base64'), timestamp: '2023-11-14T22:13:20.000Z' },
  });
  t.same(Buffer.from(shown.original.value, 'base64'), Buffer.from(anOrder(topic, 7)));
  t.match(await api.call('GET', '/v1/dead-letters?from=yesterday'), { status: 400 });
  t.match(await api.call('GET', '/v1/dead-letters/nothing'), { status: 404, body: { code: 'MDS_NOT_FOUND' } });
});

t.test('a list of letters comes in pages', async (t) => {
  const stage = await aStage('paged');
  await write(...[1, 2, 3].map((offset) => aLetter(stage, { offset })));
  const query = { topic: stage.topic.name };
  await listed(3, query);
  const first = (await api.call('GET', `/v1/dead-letters?topic=${stage.topic.name}&limit=2`)).body;
  const rest = await list({ ...query, pageToken: first.nextPageToken });
  t.same(
    [...first.items, ...rest].map(({ cursor }) => cursor.offset),
    [3, 2, 1],
  );
});

t.test('a letter that is written twice is one, also over a change of the leader', async (t) => {
  const stage = await aStage('repeated');
  const { topic } = stage;
  await write(aLetter(stage), aLetter(stage), aLetter(stage, { index: 1 }));
  await listed(2, { topic: topic.name });
  const next = await runControlPlane(whole, around);
  await api.stop();
  api = next;
  await write(aLetter(stage), aLetter(stage, { index: 2 }));
  await listed(3, { topic: topic.name });
  const { rows } = await db.query(
    `SELECT event_index, count(*)::int FROM dead_letters WHERE topic = $1 GROUP BY 1 ORDER BY 1`,
    [topic.name],
  );
  t.same(
    rows.map(({ count }) => count),
    [1, 1, 1],
  );
});

t.test('letters of an older version of their schema are read too, and garbage is passed over', async (t) => {
  const stage = await aStage('older');
  const schema = JSON.parse(DEAD_LETTER_SCHEMA);
  const older = { ...schema, fields: schema.fields.slice(0, 9) };
  const schemaId = await registry.register(`${namespace.id}-older-value`, JSON.stringify(older));
  const letter = { ...aLetter(stage), key: null, value: Buffer.from('garbage') };
  await producer.produce(DLQ, 0, Buffer.from('no letter'));
  await producer.produce(DLQ, 0, encodeConfluent(schemaId, avsc.Type.forSchema(older).toBuffer(letter)));
  const { id, subscription } = await one({ topic: stage.topic.name });
  t.equal(subscription, null);
  const { body } = await api.call('GET', `/v1/dead-letters/${id}`);
  t.match(body, { problem: { code: 'MDS_RECORD_NOT_FRAMED' }, events: [], schemaId: null });
  t.equal(Buffer.from(body.original.value, 'base64').toString(), 'garbage');
});

t.test('a letter is redriven once, however often it is asked for', async (t) => {
  const stage = await aStage('redriven');
  const { subscription } = stage;
  await write(aLetter(stage, { offset: 3, index: 2 }));
  const { id } = await one({ subscription: subscription.id });
  const answers = await Promise.all([redrive(id), redrive(id), redrive(id)]);
  for (const { status } of answers) t.equal(status, 200);
  const first = await wantedOf(subscription.id, '0/3/2');
  t.equal(first.state, 'wanted');
  await answer(subscription.id, '0/3/2', { state: 'acknowledged' });
  t.match(await inState(id, 'redriven'), { redrives: 1 });
  await until('the answer to be cleared away', WAIT_MS, async () => {
    return (await redis.hlen(keys.redrive(subscription.id, 0))) === 0;
  });
  t.match(await redrive(id), { status: 200, body: { state: 'redriven', redrives: 1 } });
  t.equal(await redis.hlen(keys.redrive(subscription.id, 0)), 0, 'nobody is asked again');
});

t.test('a redrive that fails leaves the letter dead, and it can be redriven again', async (t) => {
  const stage = await aStage('failing');
  const { subscription } = stage;
  await write(aLetter(stage));
  const { id } = await one({ subscription: subscription.id });
  await redrive(id);
  const first = await wantedOf(subscription.id, '0/0/0');
  await answer(subscription.id, '0/0/0', { state: 'deadLettered', attempts: 3, reason: 'still closed' });
  t.match(await inState(id, 'dead'), { attempts: 8, redrives: 1, message: /still closed/ });
  // What an edge says late of the first redrive is not taken for the second.
  await redis.hset(keys.redrive(subscription.id, 0), '0/0/0', JSON.stringify({ ...first, state: 'acknowledged' }));
  t.match(await redrive(id), { body: { state: 'redriving', redrives: 2 } });
  t.match(await wantedOf(subscription.id, '0/0/0'), { state: 'wanted' });
  await answer(subscription.id, '0/0/0', { state: 'acknowledged' });
  await inState(id, 'redriven');
});

t.test('what Redis forgets of a redrive is asked again, but not when it was answered', async (t) => {
  const stage = await aStage('asked-again');
  const { subscription } = stage;
  await write(aLetter(stage));
  const { id } = await one({ subscription: subscription.id });
  await redrive(id);
  await wantedOf(subscription.id, '0/0/0');
  await redis.del(keys.redrive(subscription.id, 0));
  await answer(subscription.id, '0/0/0', { state: 'acknowledged' });
  await inState(id, 'redriven');
  await redis.del(keys.redrive(subscription.id, 0));
  await write(aLetter(stage, { offset: 9 }));
  await listed(2, { subscription: subscription.id }); // rounds have gone by
  t.equal(await redis.hlen(keys.redrive(subscription.id, 0)), 0);
});

t.test('a record that nobody could get is produced to its topic again, with its bytes and key', async (t) => {
  const stage = await aStage('produced');
  const { topic } = stage;
  const value = anOrder(topic, 9);
  await write(aLetter(stage, { ...rejected, value }));
  const { id } = await one({ topic: topic.name });
  const answers = await Promise.all([redrive(id), redrive(id)]);
  for (const { status } of answers) t.equal(status, 200);
  t.match(await inState(id, 'redriven'), { redrives: 1 });
  t.match(await redrive(id), { body: { state: 'redriven' } });
  const reader = recordsOf(t);
  const found = await reader.read(topic.kafkaTopic, 0, [0, 1]);
  t.equal(found.size, 1, 'once');
  t.same(found.get(0)?.value, Buffer.from(value));
  t.same(found.get(0)?.key?.toString(), 'order-1');
});

t.test('a redrive of a record that was interrupted is a dead letter again that says so', async (t) => {
  const stage = await aStage('interrupted');
  await write(aLetter(stage, rejected));
  const { id } = await one({ topic: stage.topic.name });
  await db.query(
    `UPDATE dead_letters SET state = 'redriving', changed_at = now() - interval '2 minutes' WHERE dead_letter_id = $1`,
    [id],
  );
  await api.stop(); // a leader looks after them when it begins, and each minute
  api = await runControlPlane(whole, around);
  t.match(await inState(id, 'dead'), { message: /was interrupted: the record may stand in its topic already/ });
});

t.test('many are redriven at a bounded rate, with progress, and a redrive can be cancelled', async (t) => {
  const stage = await aStage('many');
  const { subscription } = stage;
  const letters = Array.from({ length: 12 }, (_, offset) =>
    aLetter(stage, { offset, key: Buffer.from(`k${offset % 2}`) }),
  );
  await write(...letters);
  await listed(12, { subscription: subscription.id });
  const start = (body: object) => api.call('POST', '/v1/dead-letters/redrive', body);
  const slow = await start({ filter: { subscription: subscription.id, key: 'k0' }, ratePerSecond: 0.01 });
  t.equal(slow.status, 201);
  t.ok(Check(Redrive, slow.body), 'of the documented shape');
  t.match(slow.body, { state: 'running', total: 6, redriven: 0 });
  const read = async (id: string): Promise<Redrive> => (await api.call('GET', `/v1/dead-letters/redrives/${id}`)).body;
  await until('the first one', WAIT_MS, async () => (await read(slow.body.id)).redriven === 1);
  const cancelled = await api.call('POST', `/v1/dead-letters/redrives/${slow.body.id}/cancel`);
  t.match(cancelled.body, { state: 'cancelled', redriven: 1 });
  t.equal((await list({ subscription: subscription.id, state: 'redriving' })).length, 1);

  const fast = await start({ filter: { subscription: subscription.id }, ratePerSecond: 1000 });
  t.equal(fast.body.total, 11);
  const done = await until('the rest', WAIT_MS, async () => {
    const job = await read(fast.body.id);
    return job.state === 'done' ? job : null;
  });
  t.match(done, { redriven: 11, failed: 0 });
  t.equal(await redis.hlen(keys.redrive(subscription.id, 0)), 12, 'each one is asked for once');
  for (const body of [{}, { all: true, filter: { topic: 'x' } }, { filter: {} }]) {
    t.match(await start(body), { status: 400, body: { code: 'MDS_REQUEST_INVALID' } }, JSON.stringify(body));
  }
});

t.test(
  'letters of a subscription that is gone cannot be redriven, and a redrive of many goes on beside them',
  async (t) => {
    const stage = await aStage('gone');
    await write(aLetter(stage), aLetter(stage, { ...rejected, offset: 1 }));
    const [second, first] = await listed(2, { topic: stage.topic.name });
    await api.call('DELETE', `/v1/subscriptions/${stage.subscription.id}`);
    t.match(await redrive(first?.id ?? ''), { status: 404, body: { code: 'MDS_SUBSCRIPTION_UNKNOWN' } });
    const { body } = await api.call('POST', '/v1/dead-letters/redrive', { filter: { topic: stage.topic.name } });
    const job = await until('the redrive', WAIT_MS, async () => {
      const read = (await api.call('GET', `/v1/dead-letters/redrives/${body.id}`)).body;
      return read.state === 'done' ? read : null;
    });
    t.match(job, { total: 2, redriven: 1, failed: 1 });
    await inState(second?.id ?? '', 'redriven');
  },
);

t.test('what is purged is not listed and not redriven, and comes back only when it fails again', async (t) => {
  const stage = await aStage('purged');
  const { topic, subscription } = stage;
  await write(...[0, 1, 2].map((offset) => aLetter(stage, { offset })));
  const [third, second, first] = await listed(3, { topic: topic.name });
  t.equal((await api.call('DELETE', `/v1/dead-letters/${first?.id}`)).status, 204);
  t.equal((await api.call('DELETE', `/v1/dead-letters/${first?.id}`)).status, 204, 'purging twice is purging once');
  t.match(await redrive(first?.id ?? ''), { status: 409, body: { code: 'MDS_DEAD_LETTER_PURGED' } });
  await redrive(second?.id ?? '');
  t.match(await api.call('DELETE', `/v1/dead-letters/${second?.id}`), {
    status: 409,
    body: { code: 'MDS_DEAD_LETTER_REDRIVING' },
  });
  const purge = await api.call('POST', '/v1/dead-letters/purge', { filter: { subscription: subscription.id } });
  t.same(purge.body, { purged: 1 });
  t.match(await api.call('POST', '/v1/dead-letters/purge', {}), { status: 400 });
  await listed(1, { topic: topic.name });
  t.equal((await list({ topic: topic.name, state: 'purged' })).length, 2);
  await write(aLetter(stage, { offset: 2, rejectedAt: Date.now() - 3_600_000 }), aLetter(stage, { offset: 7 }));
  await listed(2, { topic: topic.name });
  t.match(await inState(third?.id ?? '', 'purged'), {}, 'an old letter that is written again changes nothing');
  await write(aLetter(stage, { offset: 2, rejectedAt: Date.now() + 1000 }));
  await inState(third?.id ?? '', 'dead');
});

t.test('how many there are, and how old, is measured by topic', async (t) => {
  const stage = await aStage('measured');
  await write(aLetter(stage, { rejectedAt: Date.now() - 100_000 }), aLetter(stage, { offset: 1 }));
  await until('the metrics', WAIT_MS, async () => {
    const text = await (await fetch(new URL('/metrics', api.url))).text();
    const labels = `topic="${stage.topic.name}"`;
    const age = new RegExp(`mds_control_dead_letters_oldest_age_seconds\\{${labels}\\} (\\d+)`).exec(text)?.[1];
    return text.includes(`mds_control_dead_letters{${labels}} 2`) && Number(age) >= 99;
  });
  t.pass();
});

function recordsOf(t: Test): KafkaRecordReader {
  const reader = new KafkaRecordReader({
    brokers: namespace.env.MDS_KAFKA_BROKERS ?? '',
    name: 'test-records',
    groupId: `${namespace.id}-records`,
    log: createLogger('test', 'silent'),
  });
  t.teardown(() => reader.close());
  return reader;
}
