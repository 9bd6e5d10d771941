// Suite `rest`: how soon an hour of 1,000 series is aggregated, each question another one; and how many reads a second one
// query process answers, and how late, while new events come all the time.

import { endProcess } from '../../deploy/local/child.ts';
import { apiUrl, type ProjectProcess, startProcess } from '../../deploy/local/processes.ts';
import type { RollupState } from '../../schemas/api/data.ts';
import type { Topic } from '../../schemas/api/topic.ts';
import { cpuSecondsOf } from '../load/process-usage.ts';
import type { Figure } from '../result.ts';
import type { Suite } from '../suite.ts';
import { Part } from './ceilings/part.ts';
import type { ClientsOutcome, ClientsSetting } from './rest/clients-part.ts';
import { Readings } from './rest/readings.ts';

const TOPIC = 'rest';
const PARTITIONS = 4;
const SHAPE = { series: 1000, services: 20, everyMs: 10_000 } as const;
const HOUR_MS = 3_600_000;
/** Questions of which none is like another, so that no answer is a remembered one. */
const QUESTIONS = {
  quick: { requestsPerSecond: 20, seconds: 8, warmupSeconds: 2 },
  full: { requestsPerSecond: 20, seconds: 30, warmupSeconds: 3 },
} as const;
const LOAD = { quick: { seconds: 5, warmupSeconds: 2 }, full: { seconds: 15, warmupSeconds: 3 } } as const;
const RATES = { quick: [5000], full: [1000, 2500, 5000, 7500] } as const;
const CONNECTIONS = 64;
const GOAL = { requestsPerSecond: 5000, p99Ms: 25 } as const;
const COUNTED_TIMEOUT_MS = 120_000;
const STOP_GRACE_MS = 12_000;
/** Above this the generator's figures say more of it than of the service. */
const BUSY_GENERATOR = 0.9;

export const restSuite: Suite = {
  name: 'rest',
  summary: 'latency of aggregates over an hour of 1,000 series; reads/s of one query process',
  runsBy: 'quick',
  run: async ({ stack, size, progress }) => {
    const { services, brokers } = await stack();
    const env = { MDS_AUTH: 'off', MDS_REDIS_PREFIX: `bench${process.hrtime.bigint()}`, MDS_LOG_LEVEL: 'warn' };
    const controlPlane = await startProcess('control-plane', services, { env });
    const others = await Promise.all([
      startProcess('rollup', services, { env }),
      startProcess('query', services, { env: { ...env, MDS_LIMIT_READS_PER_ADDRESS: '1000000' } }),
    ]);
    const [, query] = others;
    const failures: string[] = [];
    const figures: Figure[] = [];
    const told = (what: string, asked: number, { outcome, cpuSeconds }: Loaded): void => {
      progress(
        `${what}: ${asked}/s asked, ${Math.round(outcome.perSecond)}/s answered, P50 ${ms(outcome.p50Ms)}, ` +
          `P99 ${ms(outcome.p99Ms)}, ${((cpuSeconds * 1e6) / outcome.total).toFixed(0)} µs of the process each, generator ${outcome.busyShare.toFixed(2)}`,
      );
      if (outcome.wrong > 0) failures.push(`${what} at ${asked}/s: ${outcome.wrong} answers were no answers`);
    };
    try {
      const api = apiUrl(services.ports);
      const topic = await createTopic(api);
      const readings = new Readings(topic, SHAPE, brokers);
      const nowMs = Date.now();
      const events = await readings.produce(nowMs - HOUR_MS, nowMs);
      const seconds = await untilCounted(api, events);
      progress(
        `${events.toLocaleString('en')} events are counted, ${Math.round(events / seconds).toLocaleString('en')}/s`,
      );

      const first = await firstAnswer(query);
      const asked = await load(query, readings, { paths: questions(size), ...QUESTIONS[size] });
      told(
        `an hour of ${SHAPE.series} series, first answer ${ms(first)}, then`,
        QUESTIONS[size].requestsPerSecond,
        asked,
      );
      figures.push(figure('rest.hourP50', 'aggregates over an hour of 1,000 series: P50', 'ms', asked.outcome.p50Ms));
      figures.push(figure('rest.hourP99', 'aggregates over an hour of 1,000 series: P99', 'ms', asked.outcome.p99Ms));
      figures.push(figure('rest.hourFirst', 'the first answer of a process', 'ms', first));

      for (const requestsPerSecond of RATES[size]) {
        const run = await load(query, readings, { paths: HOT, ...LOAD[size], requestsPerSecond });
        const { outcome, cpuSeconds } = run;
        told('hot reads', requestsPerSecond, run);
        if (outcome.busyShare > BUSY_GENERATOR) {
          if (requestsPerSecond <= GOAL.requestsPerSecond)
            failures.push(`the generator was busy at ${requestsPerSecond}/s`);
          break;
        }
        const at = `rest.reads.${requestsPerSecond}`;
        figures.push(figure(`${at}.p50`, `hot reads at ${requestsPerSecond}/s: P50`, 'ms', outcome.p50Ms));
        figures.push(figure(`${at}.p99`, `hot reads at ${requestsPerSecond}/s: P99`, 'ms', outcome.p99Ms));
        if (requestsPerSecond === GOAL.requestsPerSecond) {
          const perCore = outcome.total / cpuSeconds;
          figures.push(figure('rest.reads.perCore', 'hot reads for each core second', '1/s/core', perCore));
        }
        if (outcome.perSecond < requestsPerSecond * 0.95) break; // further rates only show the queue
      }
    } finally {
      await Promise.all([...others, controlPlane].map(({ record }) => endProcess(record, STOP_GRACE_MS)));
    }
    return {
      config: {
        ...SHAPE,
        partitions: PARTITIONS,
        connections: CONNECTIONS,
        ...LOAD[size],
        goal: `${GOAL.requestsPerSecond}/s at P99 < ${GOAL.p99Ms} ms`,
        written: `${SHAPE.series} events a second meanwhile`,
      },
      failures,
      figures,
      runs: [],
      profiles: [],
    };
  },
};

const ms = (value: number): string => `${value.toFixed(1)} ms`;

const figure = (id: string, label: string, unit: string, value: number): Figure => ({
  id,
  label: `rest: ${label}`,
  unit,
  better: unit === 'ms' ? 'lower' : 'higher',
  value,
  low: value,
  high: value,
});

async function createTopic(api: string): Promise<Topic> {
  const headers = { 'content-type': 'application/json', 'idempotency-key': TOPIC };
  const body = JSON.stringify({ name: TOPIC, partitions: PARTITIONS });
  const answer = await fetch(`${api}/v1/topics`, { method: 'POST', headers, body });
  if (!answer.ok) throw new Error(`POST /v1/topics: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Topic; // the API's contract
}

/** @returns seconds that it took */
async function untilCounted(api: string, events: number): Promise<number> {
  const startedMs = performance.now();
  for (;;) {
    const answer = await fetch(`${api}/v1/topics/${TOPIC}/rollup`);
    const state = answer.ok ? ((await answer.json()) as RollupState) : null; // the API's contract
    if (state !== null && state.events >= events) return (performance.now() - startedMs) / 1000;
    if (performance.now() - startedMs > COUNTED_TIMEOUT_MS)
      throw new Error(`only ${state?.events} events were counted`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const AGGREGATE = `/v1/topics/${TOPIC}/aggregate`;

/** What many ask again and again, as dashboards do. */
const HOT: readonly string[] = [
  `${AGGREGATE}?functions=count,p99&window=5m&from=-1h&groupBy=service`,
  `${AGGREGATE}?functions=count,p99&window=5m&from=-1h&groupBy=labels.zone`,
  `/v1/topics/${TOPIC}/latest?group=service`,
  `${AGGREGATE}?window=1m&from=-15m`,
];

/** About the last hour, each with a filter that takes every series and is another text than all others. */
function questions(size: 'quick' | 'full'): string[] {
  const { requestsPerSecond, seconds, warmupSeconds } = QUESTIONS[size];
  return Array.from({ length: requestsPerSecond * (seconds + warmupSeconds) }, (_, i) => {
    const search = new URLSearchParams({
      functions: 'count,avg,p50,p99',
      groupBy: ['host', 'service', 'labels.zone'][i % 3] ?? '',
      window: i % 2 === 0 ? '1m' : '5m',
      from: '-1h',
      filter: `host != "none-${i}"`,
    });
    return `${AGGREGATE}?${search}`;
  });
}

/** @returns milliseconds until a process that holds nothing yet has answered */
async function firstAnswer({ healthUrl }: ProjectProcess): Promise<number> {
  const startedMs = performance.now();
  const answer = await fetch(`${healthUrl}${AGGREGATE}?functions=count,avg,p50,p99&from=-1h&groupBy=host`);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`the first question was answered with ${answer.status} ${text}`);
  return performance.now() - startedMs;
}

interface Loaded {
  readonly outcome: ClientsOutcome;
  /** Of the query process, from the first request to the last answer. */
  readonly cpuSeconds: number;
}

type Rate = Pick<ClientsSetting, 'paths' | 'seconds' | 'warmupSeconds' | 'requestsPerSecond'>;

async function load({ healthUrl, record }: ProjectProcess, readings: Readings, rate: Rate): Promise<Loaded> {
  const { hostname: host, port } = new URL(healthUrl);
  const setting: ClientsSetting = { host, port: Number(port), connections: CONNECTIONS, ...rate };
  const part = new Part(new URL('./rest/clients-part.ts', import.meta.url), setting);
  let isOver = false;
  const writing = (async () => {
    while (!isOver) {
      const nowMs = Date.now();
      await readings.produce(nowMs, nowMs + 1);
      await new Promise((resolve) => setTimeout(resolve, SHAPE.everyMs / 10));
    }
  })();
  const cpuBefore = cpuSecondsOf(record.pid);
  try {
    const outcome = (await part.answer('done')) as unknown as ClientsOutcome; // as the part says it
    return { outcome, cpuSeconds: cpuSecondsOf(record.pid) - cpuBefore };
  } finally {
    isOver = true;
    await writing;
    await part.end();
  }
}
