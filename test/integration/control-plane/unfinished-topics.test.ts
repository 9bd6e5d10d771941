// Topics whose creation or deletion was interrupted, on a real database, with a Kafka and a registry that fail on purpose.

import pg from 'pg';
import t from 'tap';
import { migrate, readMigrations } from '../../../control-plane/store/migrations.ts';
import { allTopics, type TopicRow } from '../../../control-plane/store/topics.ts';
import { readKnownSchemas } from '../../../control-plane/topics/known-schemas.ts';
import { TopicService } from '../../../control-plane/topics/topic-service.ts';
import { TopicWork } from '../../../control-plane/topics/topic-work.ts';
import { UnfinishedTopics } from '../../../control-plane/topics/unfinished-topics.ts';
import { createLogger } from '../../../platform/log.ts';
import { InMemoryKafka, InMemorySchemas } from '../../control-plane/stand-ins.ts';
import { until } from '../harness/until.ts';
import { surroundings } from './control-plane-in-process.ts';

const { namespace } = await surroundings(t);
const db = new pg.Pool({ connectionString: namespace.env.MDS_POSTGRES_URL });
t.teardown(() => db.end());
const client = await db.connect();
await migrate(client, await readMigrations());
client.release();
const known = await readKnownSchemas();

function aControlPlane() {
  const kafka = new InMemoryKafka();
  const schemas = new InMemorySchemas();
  const work = new TopicWork({ db, kafka, schemas, known });
  const service = new TopicService({
    db,
    work,
    known,
    onChange: () => {},
    untilTold: async () => {},
    deletionWaitMs: 50,
  });
  const unfinished = new UnfinishedTopics({ db, work, service, log: createLogger('control', 'silent') });
  return { kafka, schemas, service, unfinished };
}

const topicNamed = async (name: string): Promise<TopicRow | undefined> =>
  (await allTopics(db)).find((row) => row.name === name);
const passLeases = (): Promise<unknown> => db.query(`UPDATE topics SET lease_until = now() - interval '1 second'`);

async function finish(unfinished: UnfinishedTopics): Promise<void> {
  unfinished.look(await allTopics(db), []);
  await unfinished.stop();
}

t.test('a creation that Kafka interrupted is completed by the leader', async (t) => {
  const { kafka, service, unfinished } = aControlPlane();
  kafka.failing = 'create';
  await t.rejects(service.create('default', { name: 'a' }), { code: 'MDS_DEPENDENCY_UNAVAILABLE' });
  t.equal((await topicNamed('a'))?.state, 'creating');
  await t.rejects(service.find('default', 'a'), { code: 'MDS_TOPIC_UNKNOWN' }, 'it is not to be seen yet');
  await finish(unfinished);
  t.equal((await topicNamed('a'))?.state, 'creating', 'Kafka is still away');
  kafka.failing = 'nothing';
  await passLeases();
  await finish(unfinished);
  t.match(await service.find('default', 'a'), { state: 'ready', partitions: 8 });
  t.ok(kafka.topics.has('default.a'));
});

t.test('the same request again completes it too, another one of that name does not', async (t) => {
  const { kafka, service } = aControlPlane();
  kafka.failing = 'create';
  await t.rejects(service.create('default', { name: 'b', partitions: 3 }), { code: 'MDS_DEPENDENCY_UNAVAILABLE' });
  kafka.failing = 'nothing';
  await t.rejects(service.create('default', { name: 'b', partitions: 4 }), { code: 'MDS_ALREADY_EXISTS' });
  t.match(await service.create('default', { name: 'b', partitions: 3 }), { state: 'ready', partitions: 3 });
});

t.test('a creation that is refused for good is undone by the leader', async (t) => {
  const { kafka, schemas, service, unfinished } = aControlPlane();
  kafka.failing = 'create';
  await t.rejects(service.create('default', { name: 'c' }), { code: 'MDS_DEPENDENCY_UNAVAILABLE' });
  kafka.failing = 'nothing';
  schemas.refusing = 'c-batch';
  await passLeases();
  await finish(unfinished);
  t.equal(await topicNamed('c'), undefined);
  t.notOk(kafka.topics.has('default.c'));
});

t.test('work that another process is at is left to it', async (t) => {
  const { kafka, service, unfinished } = aControlPlane();
  kafka.failing = 'create';
  await t.rejects(service.create('default', { name: 'd' }), { code: 'MDS_DEPENDENCY_UNAVAILABLE' });
  kafka.failing = 'nothing';
  await db.query(`UPDATE topics SET lease_until = now() + interval '30 seconds' WHERE name = 'd'`);
  await finish(unfinished);
  t.equal((await topicNamed('d'))?.state, 'creating');
  await t.rejects(service.create('default', { name: 'd' }), { code: 'MDS_ALREADY_EXISTS' });
});

t.test('a deletion goes on in the background, and waits for owners and for Kafka', async (t) => {
  const { kafka, service, unfinished } = aControlPlane();
  const row = await service.create('default', { name: 'e', partitions: 1 });
  t.equal(await service.delete('default', 'e'), false, 'nobody leads here, so it is not done yet');
  await t.rejects(service.find('default', 'e'), { code: 'MDS_TOPIC_UNKNOWN' });
  const owner = { state: 'owned', workerId: 'w' } as const;
  unfinished.look(await allTopics(db), [{ topicId: row.topicId, partition: 0, epoch: 1, owner, retired: true }]);
  await unfinished.stop();
  t.ok(kafka.topics.has('default.e'), 'somebody still owns a partition');
  kafka.failing = 'delete';
  await finish(unfinished);
  t.equal((await topicNamed('e'))?.state, 'deleting');
  kafka.failing = 'nothing';
  await passLeases();
  const gone = service.delete('default', 'nothing-there');
  await t.rejects(gone, { code: 'MDS_TOPIC_UNKNOWN' });
  await finish(unfinished);
  t.equal(await topicNamed('e'), undefined);
  t.notOk(kafka.topics.has('default.e'));
});

t.test('who deletes learns when it is done in time', async (t) => {
  const { service, unfinished } = aControlPlane();
  await service.create('default', { name: 'f' });
  const patient = new TopicService({
    db,
    work: new TopicWork({ db, kafka: new InMemoryKafka(), schemas: new InMemorySchemas(), known }),
    known,
    onChange: () => {},
    untilTold: async () => {},
  });
  const deleting = patient.delete('default', 'f');
  await until('the mark', 2000, async () => (await topicNamed('f'))?.state === 'deleting');
  await finish(unfinished);
  t.equal(await deleting, true);
});
