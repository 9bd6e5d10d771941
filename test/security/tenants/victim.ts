// A tenant with one of everything, for others to try to get at; what it has is looked at before and after.

import { readKnownSchemas } from '../../../control-plane/topics/known-schemas.ts';
import type { TestProcess } from '../../integration/harness/processes.ts';
import { TestProducer } from '../../integration/harness/producer.ts';
import type { TopicInfo } from '../../integration/harness/rest-client.ts';
import { until } from '../../integration/harness/until.ts';
import { ask, type GuardedService } from '../harness/guarded-service.ts';
import { RawWebSocket } from '../websocket/raw-websocket.ts';
import type { Ids } from './attempts.ts';

const { monitoringEvent } = await readKnownSchemas();

/** Unlike everybody else's, so that the registry gives it an id of its own; with what the examples of the document ask for. */
const schemaOf = (tenant: string) => ({
  ...(monitoringEvent as { fields: object[] }), // a record
  namespace: `shop.${tenant}`,
  fields: [...(monitoringEvent as { fields: object[] }).fields, { name: 'amount', type: 'long', default: 0 }],
});

export const EVENT = {
  ...{ id: 'order-7', tenant: 'x', service: 'shop', host: 'web-1', kind: 'CHANGE', name: 'order', severity: 'INFO' },
  ...{ value: 1, unit: '', timestamp: Date.now() * 1000, labels: {}, message: null, traceId: null, amount: 1 },
};

const LETTER_TIMEOUT_MS = 30_000;
const AGGREGATED_TIMEOUT_MS = 60_000;

export interface Victim {
  readonly tenant: string;
  /** Of its admin. */
  readonly credential: string;
  readonly ids: Ids;
  readonly topicId: number;
  /** What must not be seen in any answer to others. */
  readonly marks: readonly string[];
}

export async function makeVictim(guarded: GuardedService): Promise<Victim> {
  const tenant = await guarded.newTenant('victim');
  const key = await guarded.newKey({ tenant, roles: ['admin'] });
  const must = (path: string, body: unknown) => guarded.must('POST', path, body, key.credential);
  const schema = schemaOf(tenant);
  const topic = await must('/v1/topics', { name: `${tenant}-orders`, partitions: 1, schema });
  const target = await must('/v1/topics', { name: `${tenant}-large`, partitions: 1, schema });
  const subscription = await must('/v1/subscriptions', { name: `${tenant}-billing`, topic: topic.name });
  const route = await must('/v1/routes', { name: `${tenant}-route`, topic: topic.name, target: target.name });
  const redrive = await must('/v1/dead-letters/redrive', { filter: { topic: topic.name } });
  const deadLetter = await aDeadLetter(guarded, topic, key.credential);
  const issuer = await guarded.must('POST', '/v1/issuers', {
    issuer: `https://${tenant}.example.com/`,
    audiences: [tenant],
    keys: { jwksUrl: 'https://127.0.0.1:1/jwks' },
    tenant: { fixed: tenant },
  });
  await isRouted(guarded, target, key.credential);
  const connection = await aConnection(guarded, key.credential);
  return {
    tenant,
    credential: key.credential,
    topicId: topic.topicId,
    ids: {
      ...{ topic: topic.name, target: target.name, subscription: subscription.id, route: route.id },
      ...{
        deadLetter,
        redrive: redrive.id,
        key: key.id,
        tenant,
        issuer: issuer.id,
        schema: String(topic.schemaId),
      },
      ...{ edge: connection.edgeId, connection: String(connection.number), worker: 'worker-1', component: 'edge' },
    },
    marks: [tenant, subscription.id, route.id, redrive.id, key.id, issuer.id],
  };
}

/** The route gives its target the schema that it writes with. */
async function isRouted(guarded: GuardedService, { name, schemaId }: TopicInfo, credential: string): Promise<void> {
  await until('the route to have written', LETTER_TIMEOUT_MS, async () => {
    const topic = await guarded.must('GET', `/v1/topics/${name}`, undefined, credential);
    return topic.schemaId !== schemaId;
  });
}

/** A client of its own, which stays until it is closed. */
async function aConnection(guarded: GuardedService, credential: string): Promise<{ edgeId: string; number: number }> {
  await guarded.isKnownAtEdge(credential, true);
  const port = Number(new URL(guarded.service.edge(0).clientUrl).port);
  await RawWebSocket.open({ port, headers: { Authorization: `Bearer ${credential}` } });
  return until('the connection to be listed', LETTER_TIMEOUT_MS, async () => {
    const { items } = await guarded.must('GET', '/v1/connections', undefined, credential);
    return items.at(-1);
  });
}

/** An event behind a record that nobody can read. @returns the id of that one */
async function aDeadLetter(guarded: GuardedService, topic: TopicInfo, credential: string): Promise<string> {
  const producer = await TestProducer.connect<object>(guarded.service.stack.env.MDS_KAFKA_BROKERS ?? '', topic);
  await producer.sendBytes(0, Buffer.from('it is no Avro'));
  await producer.send({ partition: 0, events: [EVENT] });
  await producer.flush();
  await producer.close();
  const found = await until('the dead letter', LETTER_TIMEOUT_MS, async () => {
    const { items } = await guarded.must('GET', '/v1/dead-letters', undefined, credential);
    return items[0];
  });
  return found.id;
}

/** Waits until its topic can be asked for aggregates. */
export async function isAggregated(query: TestProcess, { ids, credential }: Victim): Promise<void> {
  await until('the rollup of the topic', AGGREGATED_TIMEOUT_MS, async () => {
    const answer = await ask(query.httpUrl, 'GET', `/v1/topics/${ids.topic}/latest`, { credential });
    return answer.status === 200;
  });
}

/** Ids of the same form for which there is nothing. */
export function phantomOf({ edge, ...ids }: Ids): Ids {
  const other = (id: string): string => id.replace(/[0-9a-f](?=[^0-9a-f]*$)/i, (digit) => (digit === '0' ? '1' : '0'));
  const text = Object.fromEntries(Object.entries(ids).map(([resource, id]) => [resource, other(id)]));
  return { ...ids, ...text, edge, schema: '2000000001', connection: '2000000002' };
}

const LISTS = ['/v1/topics', '/v1/subscriptions', '/v1/routes', '/v1/dead-letters', '/v1/keys'];
/** What changes by itself. */
const LIVE = new Set(['live', 'workers', 'lastUsedAt', 'nextPageToken']);

/** All that it has, as it sees it itself. */
export async function holdingsOf(guarded: GuardedService, { credential, tenant }: Victim): Promise<unknown> {
  const lists = await Promise.all(LISTS.map((path) => guarded.must('GET', path, undefined, credential)));
  const own = await guarded.must('GET', `/v1/tenants/${tenant}`);
  return JSON.parse(JSON.stringify([...lists, own], (key, value) => (LIVE.has(key) ? undefined : value)));
}
