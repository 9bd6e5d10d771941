// Filters explained on the whole service: what matched on the last events is exact, how they are found is said, and a
// worker that is missing is a reason and not an error.

import { Redis } from 'ioredis';
import t from 'tap';
import type { FilterVerdict } from '../../../schemas/api/filter-check.ts';
import { redisKeys } from '../../../schemas/coordination.ts';
import { settled, startEventStream } from '../harness/event-stream.ts';
import { faultsOf, ledgerText, NO_FAULTS } from '../harness/ledger.ts';
import { aMeasurement, FILTERS, MEASUREMENT_SCHEMA, type Measurement } from '../harness/measurement.ts';
import { TestProducer } from '../harness/producer.ts';
import type { TopicInfo } from '../harness/rest-client.ts';
import { startService, type TestService } from '../harness/service.ts';
import { until } from '../harness/until.ts';
import { WireSubscriber } from '../harness/wire-subscriber.ts';

t.setTimeout(240_000);

async function explained(service: TestService, topic: TopicInfo, filter: string, events?: number) {
  const body = { topic: topic.name, filter, explain: true, ...(events === undefined ? {} : { events }) };
  const verdict = await service.api.post<FilterVerdict>('/v1/filters/check', body);
  if (!verdict.valid) throw new Error(verdict.error.message);
  return verdict;
}

const brokersOf = (service: TestService): string => service.stack.env.MDS_KAFKA_BROKERS ?? '';

t.test('with a worker, filters are explained on real events', async (t) => {
  const service = await startService(t);

  await t.test('what matched is exact, over partitions, batch records and single events', async (t) => {
    const topic = await service.createTopic({ name: 'exact', partitions: 3, schema: MEASUREMENT_SCHEMA });
    const producer = await TestProducer.connect<Measurement>(brokersOf(service), topic);
    t.teardown(() => producer.close());
    let sequence = 0;
    for (let record = 0; record < 600; record++) {
      const events = Array.from({ length: record % 2 === 0 ? 1 : 12 }, () => aMeasurement(sequence++));
      await producer.send({ partition: record % 3, events });
    }
    await producer.flush();
    await service.assigned(topic.name);
    for (const cel of ['', 'active && count == 7', 'amount < 2.5', 'sequence % 97 == 0', 'ratio > 124.5']) {
      const model = FILTERS.find((filter) => filter.cel === cel);
      if (!model) throw new Error(`there is no model of ${cel}`);
      const matching = producer.produced.filter(({ event }) => model.matches(event)).length;
      const { measured, reason } = await explained(service, topic, cel);
      t.same(reason, null);
      t.match(measured, { events: sequence, matched: matching, endedBy: 'topic', rejectedRecords: 0 }, cel);
      t.equal(measured?.matchRate, matching / sequence);
    }
    const part = await explained(service, topic, '', 1000);
    t.match(part.measured, { events: 1000, matched: 1000, endedBy: 'events' });
  });

  await t.test('the last events are the last ones, also from inside a batch record', async (t) => {
    const topic = await service.createTopic({ name: 'last', partitions: 1, schema: MEASUREMENT_SCHEMA });
    const producer = await TestProducer.connect<Measurement>(brokersOf(service), topic);
    t.teardown(() => producer.close());
    for (let record = 0; record < 100; record++) {
      const events = Array.from({ length: 20 }, (_, i) => aMeasurement(record * 20 + i));
      await producer.send({ partition: 0, events });
    }
    await producer.flush();
    const { measured, explanation } = await explained(
      service,
      topic,
      'sequence >= 1500 && !tags.exists(x, x == "")',
      777,
    );
    t.match(measured, { events: 777, matched: 500, tested: 500, endedBy: 'events' });
    t.match(explanation, { found: 'index', by: [{ kind: 'range', of: 'sequence' }], residual: [/exists/] });
    t.match(explanation?.sentences, [
      'Found by a range of sequence: only events inside it are looked at.',
      /^Tested on those alone: /,
    ]);
  });

  await t.test('while traffic flows, and what is measured is of now', async (t) => {
    const topic = await service.createTopic({ name: 'flow', partitions: 4, schema: MEASUREMENT_SCHEMA });
    const stream = await startEventStream({ brokers: brokersOf(service), topic, eventsPerSecond: 2000 });
    t.teardown(() => stream.close());
    await until('some traffic', 30_000, () => stream.producer.produced.length > 4000);
    const askedMs = Date.now();
    const { measured, explanation } = await explained(service, topic, 'unit.matches("^m")', 2000);
    t.match(measured, { events: 2000, tested: 2000, endedBy: 'events' });
    t.ok(Math.abs((measured?.matchRate ?? 0) - 0.25) < 0.05, `a quarter has this unit: ${measured?.matchRate}`);
    t.ok(Date.parse(measured?.to ?? '') > askedMs - 1000, 'the newest is of now');
    t.ok(Date.parse(measured?.from ?? '') > askedMs - 10_000, 'the oldest is a second older');
    t.ok((measured?.costMsPerMillion ?? 0) > 0 && (measured?.walkMsPerMillion ?? 0) > 0, 'it costs something');
    t.match(explanation, { found: 'scan', unindexed: ['unit.matches("^m")'] });
    await stream.stop();
  });

  await t.test('a subscriber misses nothing while many filters are explained', async (t) => {
    const topic = await service.createTopic({ name: 'busy', partitions: 2, schema: MEASUREMENT_SCHEMA });
    const filter = { cel: 'count >= 0', matches: ({ count }: Measurement) => count >= 0 };
    const connection = await WireSubscriber.connect(service.edge(0).clientUrl);
    t.teardown(() => connection.close());
    const message = { id: 's', topic: topic.name, filter: filter.cel, fields: ['sequence'] };
    const subscription = await connection.subscribe(message);
    const stream = await startEventStream({ brokers: brokersOf(service), topic, eventsPerSecond: 5000 });
    t.teardown(() => stream.close());
    await until('some traffic', 30_000, () => stream.producer.produced.length > 1000);
    const verdicts = await Promise.all([1, 2, 3, 4].map((n) => explained(service, topic, `count == ${n}`)));
    await stream.stop();
    t.ok(verdicts.some(({ measured }) => measured !== null));
    for (const { measured, reason } of verdicts) {
      if (measured === null) t.match(reason, { code: 'MDS_TIMEOUT' }, 'those behind it waited too long, at the worst');
    }
    const ledger = await settled({ stream, filter, received: subscription.received, after: subscription.start });
    t.same(faultsOf(ledger), NO_FAULTS, ledgerText(ledger));
    t.ok((await service.worker(0).metric('mds_stream_explanations_total')) >= 4);
  });

  await t.test('a worker that is stopped in the middle of a question ends as ever', async (t) => {
    const topic = await service.createTopic({ name: 'stopped', partitions: 1, schema: MEASUREMENT_SCHEMA });
    const producer = await TestProducer.connect<Measurement>(brokersOf(service), topic);
    t.teardown(() => producer.close());
    for (let record = 0; record < 500; record++) {
      const events = Array.from({ length: 100 }, (_, i) => aMeasurement(record * 100 + i));
      await producer.send({ partition: 0, events });
    }
    await producer.flush();
    const redis = new Redis(service.namespace.env.MDS_REDIS_URL ?? '');
    t.teardown(() => redis.disconnect());
    const asking = Promise.all([1, 2, 3].map((n) => explained(service, topic, `tags.exists(x, x == "${n}")`, 50_000)));
    // A worker works on one at a time: when others wait, it does.
    await until(
      'questions to wait',
      10_000,
      async () => (await redis.llen(redisKeys(service.namespace.id).explain)) > 0,
    );
    t.same(await service.worker(0).end(), { code: 0, signal: null });
    for (const { measured, reason } of await asking) t.ok(measured !== null || reason?.code === 'MDS_TIMEOUT');
    await service.worker(0).start();
    t.match((await explained(service, topic, 'count > 5', 100)).measured, { events: 100 }, 'and comes back');
  });

  await t.test('a topic without events says so, and how the filter would be found', async (t) => {
    const topic = await service.createTopic({ name: 'empty', partitions: 2, schema: MEASUREMENT_SCHEMA });
    const { measured, reason, explanation } = await explained(service, topic, 'level >= HIGH');
    t.equal(measured, null);
    t.match(reason, { code: 'MDS_EXPLAIN_NO_EVENTS' });
    t.match(explanation, { found: 'index', by: [{ kind: 'symbols', of: 'level', values: 2 }] });
  });

  await t.test('a filter that is not valid is told as ever', async (t) => {
    const body = { topic: (await service.api.get<{ items: TopicInfo[] }>('/v1/topics')).items[0]?.name, explain: true };
    const verdict = await service.api.post<FilterVerdict>('/v1/filters/check', { ...body, filter: 'nope == 1' });
    t.match(verdict, { valid: false, error: { code: 'MDS_FILTER_UNKNOWN_FIELD' } });
  });
});

t.test('without a worker the verdict comes, with the reason why nothing was measured', async (t) => {
  const service = await startService(t, { workers: 0, edges: 0 });
  const topic = await service.api.createTopic({ name: `lonely-${service.namespace.id}`, schema: MEASUREMENT_SCHEMA });
  const verdict = await explained(service, topic, 'count > 7');
  t.match(verdict, { valid: true, canonical: 'count > 7', explanation: null, otherWriters: [], measured: null });
  t.match(verdict.reason, { code: 'MDS_EXPLAIN_NO_WORKER', message: /worker/ });
});
