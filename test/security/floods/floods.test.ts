// S7: one tenant floods with requests, connects, subscribes and filters that are expensive. It is told to stop, in the words of
// each door; another tenant is served meanwhile: every event, once and in order, and every request. How much longer that one
// waits is printed; machines differ, so it is no condition unless RATIO says how much it may be.

import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { GuardedService } from '../harness/guarded-service.ts';
import { Bystander, type Waits } from './bystander.ts';
import { FLOODS, type FloodKind, type FloodTask, floodedFor, type Told } from './flood.ts';

const SECONDS = Number(process.env.SECONDS ?? 6);
/** Floods come once before anything is measured, as they would to a service that has run for a while: its code is compiled then. */
const WARM_SECONDS = 2;
const KINDS = FLOODS.filter((kind) => process.env.ONLY === undefined || process.env.ONLY === kind);
/** Of P99 under a flood to P99 without. */
const MAX_RATIO = process.env.RATIO === undefined ? Number.POSITIVE_INFINITY : Number(process.env.RATIO);

/** So small that a flood meets them at once, and that who goes about its business never does. */
const LIMITS = {
  MDS_LIMIT_READS_PER_TENANT: '200',
  MDS_LIMIT_READS_PER_KEY: '200',
  MDS_LIMIT_READS_PER_ADDRESS: '2000',
  MDS_EDGE_CONNECTS_PER_SECOND_PER_TENANT: '20',
  MDS_EDGE_CONNECTS_PER_SECOND_PER_ADDRESS: '30',
  MDS_EDGE_MAX_UNAUTHENTICATED_PER_ADDRESS: '50',
  MDS_EDGE_SUBSCRIBES_PER_SECOND_PER_TENANT: '20',
};
const QUOTAS = { filterCost: 2000, subscriptions: 200 };

/** One of these is what the flooder must be told. */
const REFUSALS: Readonly<Record<FloodKind, RegExp>> = {
  requests: /^429$/,
  connects: /^(429|close:4007)$/,
  strangers: /^(429|close:4005)$/,
  subscribes: /^error:MDS_(RATE_LIMITED|QUOTA_EXCEEDED)$/,
  'expensive filters': /^error:MDS_(RATE_LIMITED|QUOTA_EXCEEDED|FILTER_TOO_COSTLY)$/,
};
/** What nobody may be told, whatever they do. */
const WRONG = /^5\d\d$|without Retry-After|MDS_INTERNAL|close:4004/;

t.setTimeout(240_000);
const guarded = await GuardedService.start(t, LIMITS);
const edgePort = Number(new URL(guarded.service.edge(0).clientUrl).port);
const bystander = await Bystander.create(t, guarded);
const tasks = new Map<FloodKind, FloodTask>();
for (const kind of KINDS) tasks.set(kind, await flooderFor(kind));
for (const task of tasks.values()) await floodedFor(task, () => delay(WARM_SECONDS * 1000));
const quiet = await bystander.waits(SECONDS * 1000);

async function flooderFor(kind: FloodKind): Promise<FloodTask> {
  const tenant = await guarded.newTenant('flooder');
  await guarded.must('PATCH', `/v1/tenants/${tenant}`, { quotas: QUOTAS });
  const { credential } = await guarded.newKey({ tenant, roles: ['admin'] });
  const wish = { name: `${tenant}-own`, partitions: 1 };
  const { name: topic } = await guarded.must('POST', '/v1/topics', wish, credential);
  await guarded.isKnownAtEdge(credential, true);
  return { kind, url: guarded.url, edgePort, credential, topic };
}

const told = (answers: Told): string => JSON.stringify(answers);
const waited = ({ events, eventP99Ms, requests, requestP99Ms }: Waits): string => {
  const ratio = (eventP99Ms / quiet.eventP99Ms).toFixed(2);
  const requestRatio = (requestP99Ms / quiet.requestP99Ms).toFixed(2);
  return `${events} events, P99 ${eventP99Ms.toFixed(0)} ms (× ${ratio}); ${requests} requests, P99 ${requestP99Ms.toFixed(0)} ms (× ${requestRatio})`;
};

t.comment(`without a flood: ${waited(quiet)}`);

for (const [kind, task] of tasks) {
  t.test(`a flood of ${kind} is refused, and others are served`, async (t) => {
    const [answers, waits] = await floodedFor(task, () => bystander.waits(SECONDS * 1000));
    t.comment(`${kind}: ${waited(waits)}; the flooder was told ${told(answers)}`);
    t.ok(
      Object.keys(answers).some((what) => REFUSALS[kind].test(what)),
      'the flooder is told to stop',
    );
    t.same(
      Object.keys(answers).filter((what) => WRONG.test(what)),
      [],
      told(answers),
    );
    t.same(waits.refused, [], 'every request of the other is answered');
    t.ok(bystander.isComplete, 'every event has come, once and in order');
    t.equal(bystander.closeCode, null, 'and its connection stays');
    t.ok(waits.eventP99Ms <= quiet.eventP99Ms * MAX_RATIO, `events: ${waited(waits)}`);
    t.ok(waits.requestP99Ms <= quiet.requestP99Ms * MAX_RATIO, `requests: ${waited(waits)}`);
  });
}
