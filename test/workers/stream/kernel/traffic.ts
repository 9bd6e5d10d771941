// Traffic whose values shift while it runs, and subscribers' filters over it with their meaning in plain code: tens of
// thousands of events can be judged without the slow model of filters.

import { parseAvroSchema } from '../../../../schemas/avro/parse.ts';
import { type Choose, pick } from '../../../schemas/plan/pools.ts';

export const TRAFFIC_SCHEMA = {
  type: 'record',
  name: 'Reading',
  fields: [
    { name: 'host', type: 'string' },
    { name: 'kind', type: { type: 'enum', name: 'Kind', symbols: ['METRIC', 'ALERT', 'LOG', 'HEALTH'] } },
    { name: 'code', type: 'int' },
    { name: 'total', type: 'long' },
    { name: 'value', type: ['null', 'double'] },
    { name: 'isTest', type: 'boolean' },
    { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'labels', type: { type: 'map', values: 'string' } },
  ],
};
export const TRAFFIC_BATCH = {
  type: 'record',
  name: 'Readings',
  'mds.batch': 'readings',
  fields: [{ name: 'readings', type: { type: 'array', items: TRAFFIC_SCHEMA } }],
};
export const trafficType = parseAvroSchema(TRAFFIC_SCHEMA);
export const trafficBatchType = parseAvroSchema(TRAFFIC_BATCH);

const KINDS = ['METRIC', 'ALERT', 'LOG', 'HEALTH'];
const REGIONS = ['eu-1', 'eu-2', 'us-1', 'us-2', 'ap-1'];
const START_MS = 1_767_225_600_000;

export interface Reading {
  readonly host: string;
  readonly kind: string;
  readonly code: number;
  readonly total: number;
  readonly value: number | null;
  readonly isTest: boolean;
  readonly at: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** @param phase what is common in one phase is rare in the next */
export function aReading(phase: number, choose: Choose): Reading {
  const isUsual = choose(10) > 0;
  return {
    host: `host-${isUsual ? phase % 7 : choose(60)}`,
    kind: isUsual ? (KINDS[phase % 4] ?? 'LOG') : pick(choose, KINDS),
    code: isUsual ? phase * 10 + choose(3) : choose(200) - 100,
    total: choose(50) === 0 ? 2 ** 40 + choose(5) : choose(1000),
    value: choose(5) === 0 ? null : choose(200) / 2,
    isTest: phase % 3 === 0 ? choose(20) > 0 : choose(20) === 0,
    at: START_MS + phase * 60_000 + choose(60_000),
    labels: Object.fromEntries([
      ...(choose(4) > 0 ? [['region', isUsual ? (REGIONS[phase % 5] ?? '') : pick(choose, REGIONS)]] : []),
      ...(choose(3) === 0 ? [['rack', `r${choose(12)}`]] : []),
    ]),
  };
}

export interface Clause {
  readonly text: string;
  readonly test: (reading: Reading) => boolean;
}

const CLAUSES: readonly ((choose: Choose) => Clause)[] = [
  (choose) => {
    const host = `host-${choose(60)}`;
    return { text: `host == "${host}"`, test: (one) => one.host === host };
  },
  (choose) => {
    const hosts = [0, 1, 2].map(() => `host-${choose(60)}`);
    return { text: `host in ${JSON.stringify(hosts)}`, test: (one) => hosts.includes(one.host) };
  },
  (choose) => {
    const prefix = pick(choose, ['host-1', 'host-5', 'host-', 'ho', 'x']);
    return { text: `host.startsWith("${prefix}")`, test: (one) => one.host.startsWith(prefix) };
  },
  (choose) => {
    const kind = pick(choose, KINDS);
    return { text: `kind == ${kind}`, test: (one) => one.kind === kind };
  },
  (choose) => {
    const least = choose(4);
    return { text: `kind >= ${KINDS[least]}`, test: (one) => KINDS.indexOf(one.kind) >= least };
  },
  (choose) => {
    const code = choose(120);
    return { text: `code == ${code}`, test: (one) => one.code === code };
  },
  (choose) => {
    const from = choose(200) - 100;
    const to = from + choose(30);
    return { text: `code >= ${from} && code < ${to}`, test: (one) => one.code >= from && one.code < to };
  },
  (choose) => {
    const total = pick(choose, [5, 500, 2 ** 40, 2 ** 40 + 2]);
    return { text: `total > ${total}`, test: (one) => one.total > total };
  },
  (choose) => {
    const limit = choose(100);
    return { text: `value >= ${limit}`, test: (one) => one.value !== null && one.value >= limit };
  },
  () => ({ text: 'isTest', test: (one) => one.isTest }),
  () => ({ text: '!isTest', test: (one) => !one.isTest }),
  (choose) => {
    const ms = START_MS + choose(20) * 30_000;
    return { text: `at < timestamp("${new Date(ms).toISOString()}")`, test: (one) => one.at < ms };
  },
  (choose) => {
    const region = pick(choose, REGIONS);
    return { text: `labels["region"] == "${region}"`, test: (one) => one.labels.region === region };
  },
  (choose) => {
    const prefix = pick(choose, ['eu-', 'us', 'ap-1']);
    const test = (one: Reading): boolean => one.labels.region?.startsWith(prefix) === true;
    return { text: `labels.region.startsWith("${prefix}")`, test };
  },
  (choose) => {
    const rack = `r${choose(12)}`;
    return { text: `labels.rack in ["${rack}", "r0"]`, test: (one) => ['r0', rack].includes(one.labels.rack ?? '') };
  },
  () => ({ text: 'size(labels) == 2', test: (one) => Object.keys(one.labels).length === 2 }),
];

export const aClause = (choose: Choose): Clause => pick(choose, CLAUSES)(choose);

/** A filter as subscribers write them: a clause, all of several, or any of several. */
export function aFilter(clause: () => Clause, choose: Choose): Clause {
  const clauses = Array.from({ length: 1 + choose(3) }, clause);
  const isAll = choose(3) > 0;
  const text = clauses.map((one) => `(${one.text})`).join(isAll ? ' && ' : ' || ');
  // Clauses that cannot be decided (no label, no value) are false for either.
  return {
    text,
    test: (one) => (isAll ? clauses.every(({ test }) => test(one)) : clauses.some(({ test }) => test(one))),
  };
}
