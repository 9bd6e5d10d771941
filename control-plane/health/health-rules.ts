// The rules by which the distribution of events is called ok, degraded or failing. Pure: what is known goes in, reasons come
// out. What is not known gives no reason, but that it is not known does.

import type { DistributionHealth, HealthReason, HealthRule, TopicHealth, Verdict } from '../../schemas/api/health.ts';
import { VERDICTS } from '../../schemas/api/health.ts';
import type { PartitionStatus, ServiceStatus, TopicStatus } from '../../schemas/api/status.ts';

export interface HealthSample {
  readonly atMs: number;
  /** By topic id. */
  readonly lagRecords: ReadonlyMap<number, number>;
  /** Partitions without an owner, by topic id. */
  readonly unowned: ReadonlyMap<number, readonly number[]>;
}

export interface HealthFacts {
  readonly nowMs: number;
  readonly status: Pick<ServiceStatus, 'leader' | 'workers' | 'edges' | 'topics' | 'totals' | 'reliability'>;
  /** Oldest first, some minutes back; the present is not among them. */
  readonly history: readonly HealthSample[];
  /** Why they do not answer; null: they do. */
  readonly away: { readonly redis: string | null; readonly postgres: string | null; readonly registry: string | null };
  /** Requests for replays that no worker has taken; null: not known. */
  readonly replayBacklog: number | null;
  /** null: not known, or without a limit. */
  readonly redisMemory: { readonly usedBytes: number; readonly maxBytes: number } | null;
  /** Given up within the last ten minutes, by `tenant/topic`; null: not known. */
  readonly recentDeadLetters: ReadonlyMap<string, number> | null;
}

/** Hand-over takes 5 s at most (docs/GUARANTEES.md); what is longer without an owner stays so by itself. */
const UNOWNED_FAILING_MS = 10_000;
const LAG_WINDOW_MS = 60_000;
/** Of five minutes' growth nobody can say that it is a burst. */
const LAG_FAILING_MS = 240_000;
/** Below it a slab or two are under way. */
const MIN_LAG_GROWTH = 1000;
/** Workers take requests within milliseconds. */
const REPLAYS_DEGRADED = 100;
const REPLAYS_FAILING = 1000;
/** A hundred times what is usual. */
const HIGH_LATENCY_MS = 2000;
const MEMORY_DEGRADED = 0.8;
const MEMORY_FAILING = 0.95;

export function distributionHealth(facts: HealthFacts): DistributionHealth {
  const topics = facts.status.topics.map((topic) => topicHealth(topic, facts)).sort(worstFirst);
  const reasons = [
    ...awayReasons(facts),
    ...processReasons(facts),
    ...replayReasons(facts),
    ...promiseReasons(facts),
    ...memoryReasons(facts),
  ];
  const verdict = worstOf([...reasons, ...topics].map((one) => one.verdict));
  return { verdict, at: new Date(facts.nowMs).toISOString(), reasons, topics };
}

/** What one tenant sees of it: reasons about the whole, and its own topics. */
export function healthSeenBy(health: DistributionHealth, tenant: string): DistributionHealth {
  const topics = health.topics.filter((topic) => topic.tenant === tenant);
  const verdict = worstOf([...health.reasons, ...topics].map((one) => one.verdict));
  return { ...health, topics, verdict };
}

/** @param facts what is known now; its history is not looked at */
export function sampleOf({ nowMs, status }: Pick<HealthFacts, 'nowMs' | 'status'>): HealthSample {
  return {
    atMs: nowMs,
    lagRecords: new Map(status.topics.map((topic) => [topic.topicId, lagOf(topic)])),
    unowned: new Map(status.topics.map((topic) => [topic.topicId, unownedOf(topic)])),
  };
}

function topicHealth(topic: TopicStatus, facts: HealthFacts): TopicHealth {
  const reasons = [...ownerReasons(topic, facts), ...lagReasons(topic, facts), ...letterReasons(topic, facts)];
  const { name, tenant } = topic;
  return { topic: name, tenant, verdict: worstOf(reasons.map(({ verdict }) => verdict)), reasons };
}

function ownerReasons(topic: TopicStatus, { nowMs, history }: HealthFacts): HealthReason[] {
  const unowned = unownedOf(topic);
  if (unowned.length === 0) return [];
  const before = history.filter(({ atMs }) => nowMs - atMs <= 2 * UNOWNED_FAILING_MS);
  const isLong =
    nowMs - (before[0]?.atMs ?? nowMs) >= UNOWNED_FAILING_MS &&
    unowned.some((partition) => before.every((sample) => sample.unowned.get(topic.topicId)?.includes(partition)));
  const which = unowned.length > 5 ? `${unowned.length} partitions` : `Partition ${unowned.join(', ')}`;
  const sentence = `${which} of ${topic.partitions.length} without an owner${isLong ? ' for more than 10 s' : ''}: nobody delivers what is in there.`;
  return [reason('partition-without-owner', isLong ? 'failing' : 'degraded', sentence)];
}

/** Growing: more than at each third of a minute before, by more than a burst. */
function lagReasons(topic: TopicStatus, { nowMs, history }: HealthFacts): HealthReason[] {
  const now = lagOf(topic);
  const lagAgo = (ms: number): number | undefined =>
    history.findLast(({ atMs }) => atMs <= nowMs - ms)?.lagRecords.get(topic.topicId);
  const grewOver = (ms: number): boolean => {
    const [start, middle] = [lagAgo(ms), lagAgo(ms / 2)];
    return (
      start !== undefined && middle !== undefined && start < middle && middle < now && now - start >= MIN_LAG_GROWTH
    );
  };
  if (!grewOver(LAG_WINDOW_MS)) return [];
  const isLong = grewOver(LAG_FAILING_MS);
  const more = now - (lagAgo(LAG_WINDOW_MS) ?? now);
  const since = isLong ? ', and it has grown for four minutes' : '';
  const sentence = `${inWords(now)} records wait, ${inWords(more)} more than a minute ago${since}.`;
  return [reason('lag-growing', isLong ? 'failing' : 'degraded', sentence)];
}

function letterReasons({ tenant, name }: TopicStatus, { recentDeadLetters }: HealthFacts): HealthReason[] {
  const count = recentDeadLetters?.get(`${tenant}/${name}`) ?? 0;
  if (count === 0) return [];
  return [
    reason('dead-letters-rising', 'degraded', `${inWords(count)} events became dead letters in the last ten minutes.`),
  ];
}

function awayReasons({ away }: HealthFacts): HealthReason[] {
  const reasons: HealthReason[] = [];
  if (away.redis !== null) reasons.push(reason('redis-away', 'failing', `Redis does not answer: ${away.redis}.`));
  if (away.postgres !== null)
    reasons.push(reason('postgres-away', 'degraded', `Postgres does not answer: ${away.postgres}.`));
  if (away.registry !== null) {
    reasons.push(reason('registry-away', 'degraded', `The schema registry does not answer: ${away.registry}.`));
  }
  return reasons;
}

function processReasons({ status, away }: HealthFacts): HealthReason[] {
  if (away.redis !== null) return []; // who runs is not known
  const { workers, edges, topics, leader } = status;
  const reasons: HealthReason[] = [];
  if (workers.length === 0 && topics.length > 0) {
    reasons.push(reason('no-worker', 'failing', 'No stream worker runs: nothing is read from Kafka.'));
  }
  if (edges.length === 0) reasons.push(reason('no-edge', 'failing', 'No edge runs: no client can connect.'));
  if (leader.id === null && away.postgres === null) {
    reasons.push(
      reason(
        'no-leader',
        'degraded',
        'No control plane leads: partitions of a worker that dies stay without an owner.',
      ),
    );
  }
  for (const { id, state, notReady } of [
    ...edges.map(({ edgeId, state, notReady }) => ({ id: edgeId, state, notReady })),
    ...workers.map(({ workerId, state, notReady }) => ({ id: workerId, state, notReady })),
  ]) {
    if (state === 'draining' || notReady === undefined || notReady.length === 0) continue;
    reasons.push(reason('process-not-ready', 'degraded', `${id} is not ready: ${notReady.join('; ')}.`));
  }
  return reasons;
}

function replayReasons({ replayBacklog }: HealthFacts): HealthReason[] {
  if (replayBacklog === null || replayBacklog < REPLAYS_DEGRADED) return [];
  const sentence = `${inWords(replayBacklog)} requests for replays wait for a worker: clients that resume are late.`;
  return [reason('replay-backlog', replayBacklog < REPLAYS_FAILING ? 'degraded' : 'failing', sentence)];
}

function promiseReasons({ status }: HealthFacts): HealthReason[] {
  const reasons: HealthReason[] = [];
  const { isMet, missingEvents, expectedEvents, windowMinutes, target } = status.reliability;
  if (isMet === false) {
    const sentence = `The audit misses ${inWords(missingEvents)} of ${inWords(expectedEvents)} events of the last ${windowMinutes} min; ${target * 100} % are promised.`;
    reasons.push(reason('audit-below-target', 'failing', sentence));
  }
  const { latencyP99Ms } = status.totals;
  if (latencyP99Ms !== null && latencyP99Ms > HIGH_LATENCY_MS) {
    const sentence = `One frame in a hundred reaches clients later than ${inWords(Math.round(latencyP99Ms))} ms after its record came to Kafka.`;
    reasons.push(reason('latency-high', 'degraded', sentence));
  }
  return reasons;
}

function memoryReasons({ redisMemory }: HealthFacts): HealthReason[] {
  if (redisMemory === null) return [];
  const share = redisMemory.usedBytes / redisMemory.maxBytes;
  if (share < MEMORY_DEGRADED) return [];
  const sentence = `Redis uses ${Math.round(share * 100)} % of its memory.`;
  return [reason('redis-memory', share < MEMORY_FAILING ? 'degraded' : 'failing', sentence)];
}

const ADVICE: Readonly<Record<HealthRule, string>> = {
  'no-worker': 'Start a stream worker; it gets partitions within seconds.',
  'no-edge': 'Start an edge; clients find it by themselves.',
  'no-leader': 'See that a control plane runs and reaches Postgres.',
  'partition-without-owner':
    'See `mds workers`: if all are cordoned or draining, start another one; else look into the log of the leader.',
  'lag-growing':
    'See `mds workers` for one that is busy: start another worker, or find the filter that costs most with `mds explain`.',
  'process-not-ready':
    'Its reasons say what it lacks; a lane that is suspect is connected anew by itself, and repaired.',
  'replay-backlog':
    'Start another stream worker, or raise the replay budget: `mds config set stream replayBytesPerSecond …`.',
  'audit-below-target':
    'Look for "audit" in the logs of the stream workers: they name the ranges. Keep them and report it.',
  'latency-high': 'See which of lag, slow clients (`mds connections list --slow`) and busy workers it is.',
  'dead-letters-rising': 'See `mds dlq list --topic …` for the reason; redrive them when their consumer is well again.',
  'registry-away': 'Live topics go on from caches; start the registry before a producer brings a new schema.',
  'redis-away': 'Start Redis; all processes connect again by themselves and clients resume without a loss.',
  'redis-memory': 'Give Redis more memory, or see which keys grow; nothing of it needs to be kept.',
  'postgres-away': 'Start Postgres; events flow meanwhile, changes do not.',
};

const reason = (rule: HealthRule, verdict: Verdict, sentence: string): HealthReason => ({
  rule,
  verdict,
  sentence,
  advice: ADVICE[rule],
  see: `docs/operations.md#${rule}`,
});

const rankOf = (verdict: Verdict): number => VERDICTS.indexOf(verdict);
const worstOf = (verdicts: readonly Verdict[]): Verdict => VERDICTS[Math.max(0, ...verdicts.map(rankOf))] ?? 'ok';
const worstFirst = (a: TopicHealth, b: TopicHealth): number =>
  rankOf(b.verdict) - rankOf(a.verdict) || (a.topic < b.topic ? -1 : 1);

const lagOf = ({ partitions }: TopicStatus): number =>
  partitions.reduce((sum, { lagRecords }) => sum + (lagRecords ?? 0), 0);
const unownedOf = ({ partitions }: TopicStatus): number[] =>
  partitions.filter(({ workerId }: PartitionStatus) => workerId === null).map(({ partition }) => partition);
const inWords = (count: number): string => count.toLocaleString('en-US');
