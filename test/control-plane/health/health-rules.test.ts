// Each rule of the distribution's health, with what it must not say.

import { readFile } from 'node:fs/promises';
import t from 'tap';
import {
  distributionHealth,
  type HealthFacts,
  type HealthSample,
  healthSeenBy,
} from '../../../control-plane/health/health-rules.ts';
import { memoryOf } from '../../../control-plane/health/health-watch.ts';
import { NO_RELIABILITY } from '../../../control-plane/status/reliability.ts';
import { totalsOf } from '../../../control-plane/status/service-status.ts';
import { HEALTH_RULES } from '../../../schemas/api/health.ts';
import type { PartitionStatus, TopicStatus } from '../../../schemas/api/status.ts';
import { anEdge, aWorker } from '../builders.ts';

const NOW = 10_000_000;

const aPartition = (overrides: Partial<PartitionStatus> = {}): PartitionStatus => ({
  partition: 0,
  workerId: 'worker-1',
  epoch: 1,
  nextOffset: 0,
  lagRecords: 0,
  ...overrides,
});
const aTopic = (overrides: Partial<TopicStatus> = {}): TopicStatus => ({
  topicId: 1,
  name: 'orders',
  tenant: 'default',
  partitions: [aPartition()],
  ...overrides,
});
const aStatus = (overrides: Partial<HealthFacts['status']> = {}): HealthFacts['status'] => ({
  leader: { id: 'cp' },
  workers: [aWorker()],
  edges: [anEdge()],
  topics: [aTopic()],
  totals: totalsOf([], []),
  reliability: NO_RELIABILITY,
  ...overrides,
});
const facts = (overrides: Partial<HealthFacts> = {}): HealthFacts => ({
  nowMs: NOW,
  status: aStatus(),
  history: [],
  away: { redis: null, postgres: null, registry: null },
  replayBacklog: 0,
  redisMemory: null,
  recentDeadLetters: new Map(),
  ...overrides,
});
const rulesOf = (of: HealthFacts) => {
  const { reasons, topics } = distributionHealth(of);
  return [...reasons, ...topics.flatMap((topic) => topic.reasons)].map(({ rule, verdict }) => `${rule} ${verdict}`);
};

const sample = (agoMs: number, lag: number, unowned: readonly number[] = []): HealthSample => ({
  atMs: NOW - agoMs,
  lagRecords: new Map([[1, lag]]),
  unowned: new Map([[1, unowned]]),
});
const lagging = (lagRecords: number) => aStatus({ topics: [aTopic({ partitions: [aPartition({ lagRecords })] })] });
const minutesOf = (lags: readonly number[]): HealthSample[] =>
  lags.map((lag, at) => sample((lags.length - at) * 30_000, lag));

t.test('a service without a complaint is ok', async (t) => {
  const health = distributionHealth(facts());
  t.match(health, { verdict: 'ok', reasons: [], topics: [{ topic: 'orders', verdict: 'ok', reasons: [] }] });
});

t.test('lag that grows through a minute is degraded, through four it is failing; a burst is neither', async (t) => {
  t.same(rulesOf(facts({ status: lagging(9000), history: minutesOf([1000, 5000]) })), ['lag-growing degraded']);
  const long = minutesOf([1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000]);
  t.same(rulesOf(facts({ status: lagging(9000), history: long })), ['lag-growing failing']);
  t.same(rulesOf(facts({ status: lagging(3000), history: minutesOf([1000, 5000]) })), [], 'it falls again');
  t.same(rulesOf(facts({ status: lagging(1500), history: minutesOf([800, 1000]) })), [], 'it is little');
  t.same(rulesOf(facts({ status: lagging(9000), history: [] })), [], 'nothing is known of before');
});

t.test('a partition without an owner is degraded, and failing when that lasts', async (t) => {
  const status = aStatus({ topics: [aTopic({ partitions: [aPartition({ workerId: null })] })] });
  t.same(rulesOf(facts({ status })), ['partition-without-owner degraded']);
  const still = [sample(15_000, 0, [0]), sample(10_000, 0, [0]), sample(5000, 0, [0])];
  t.same(rulesOf(facts({ status, history: still })), ['partition-without-owner failing']);
  const other = [sample(15_000, 0, [1]), sample(10_000, 0, [0]), sample(5000, 0, [0])];
  t.same(rulesOf(facts({ status, history: other })), ['partition-without-owner degraded'], 'it had one meanwhile');
});

t.test('without workers or edges nothing is distributed; without a leader it is', async (t) => {
  t.same(rulesOf(facts({ status: aStatus({ workers: [] }) })), ['no-worker failing']);
  t.same(rulesOf(facts({ status: aStatus({ workers: [], topics: [] }) })), [], 'there is nothing to do for one');
  t.same(rulesOf(facts({ status: aStatus({ edges: [] }) })), ['no-edge failing']);
  t.same(rulesOf(facts({ status: aStatus({ leader: { id: null } }) })), ['no-leader degraded']);
});

t.test('an edge whose lane is suspect is named with its reason; one that drains is not', async (t) => {
  const edge = anEdge({ notReady: ['lane: nothing arrives on it'] });
  const health = distributionHealth(facts({ status: aStatus({ edges: [edge] }) }));
  t.match(health.reasons, [
    { rule: 'process-not-ready', sentence: 'edge-1 is not ready: lane: nothing arrives on it.' },
  ]);
  t.same(rulesOf(facts({ status: aStatus({ edges: [{ ...edge, state: 'draining' }] }) })), []);
  t.same(rulesOf(facts({ status: aStatus({ workers: [aWorker({ notReady: ['kafka: away'] })] }) })), [
    'process-not-ready degraded',
  ]);
});

t.test('replays that wait', async (t) => {
  t.same(rulesOf(facts({ replayBacklog: 99 })), []);
  t.same(rulesOf(facts({ replayBacklog: 100 })), ['replay-backlog degraded']);
  t.same(rulesOf(facts({ replayBacklog: 1000 })), ['replay-backlog failing']);
});

t.test('an audit below what is promised is failing; one that has judged nothing is not', async (t) => {
  const reliability = { ...NO_RELIABILITY, isMet: false, missingEvents: 3, expectedEvents: 1000 };
  const health = distributionHealth(facts({ status: aStatus({ reliability }) }));
  t.match(health, { verdict: 'failing', reasons: [{ rule: 'audit-below-target', sentence: /3 of 1,000 events/ }] });
});

t.test('latency that clients notice', async (t) => {
  const edges = (latencyP99Ms: number) => aStatus({ totals: totalsOf([], [anEdge({ latencyP99Ms })]) });
  t.same(rulesOf(facts({ status: edges(1999) })), []);
  t.same(rulesOf(facts({ status: edges(2001) })), ['latency-high degraded']);
});

t.test('dead letters of the last minutes belong to their topic and tenant', async (t) => {
  t.same(rulesOf(facts({ recentDeadLetters: new Map([['default/orders', 2]]) })), ['dead-letters-rising degraded']);
  t.same(rulesOf(facts({ recentDeadLetters: new Map([['other/orders', 2]]) })), []);
});

t.test('what does not answer is a reason, and hides what only it knows', async (t) => {
  const away = { redis: null, postgres: null, registry: null };
  t.same(rulesOf(facts({ away: { ...away, registry: 'refused' } })), ['registry-away degraded']);
  t.same(rulesOf(facts({ away: { ...away, postgres: 'refused' } })), ['postgres-away degraded']);
  const status = aStatus({ workers: [], edges: [], leader: { id: null } });
  t.same(rulesOf(facts({ away: { ...away, redis: 'refused', postgres: 'refused' }, status })), [
    'redis-away failing',
    'postgres-away degraded',
  ]);
});

t.test('memory of Redis, where it has a limit', async (t) => {
  const using = (usedBytes: number) => facts({ redisMemory: { usedBytes, maxBytes: 100 } });
  t.same(rulesOf(using(79)), []);
  t.same(rulesOf(using(80)), ['redis-memory degraded']);
  t.same(rulesOf(using(95)), ['redis-memory failing']);
  t.same(memoryOf('used_memory:5\r\nused_memory_human:5B\r\nmaxmemory:10\r\n'), { usedBytes: 5, maxBytes: 10 });
  t.equal(memoryOf('used_memory:5\r\nmaxmemory:0\r\n'), null);
});

t.test('the worst topics come first, and a tenant sees its own', async (t) => {
  const bad = aTopic({ topicId: 2, name: 'zeta', tenant: 'b', partitions: [aPartition({ workerId: null })] });
  const health = distributionHealth(facts({ status: aStatus({ topics: [aTopic(), bad] }) }));
  t.match(health, { verdict: 'degraded', topics: [{ topic: 'zeta' }, { topic: 'orders' }] });
  t.match(healthSeenBy(health, 'default'), { verdict: 'ok', topics: [{ topic: 'orders' }] });
  t.equal(healthSeenBy(health, 'default').topics.length, 1);
});

t.test('each rule has a section that says what to do', async (t) => {
  const page = await readFile(new URL('../../../docs/operations.md', import.meta.url), 'utf8');
  for (const rule of HEALTH_RULES) t.match(page, `### ${rule}\n`, rule);
});
