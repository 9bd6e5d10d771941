import t from 'tap';
import { liveStateOf } from '../../../control-plane/durable/live-state.ts';
import type { SubscriptionRow } from '../../../control-plane/store/subscriptions.ts';
import { END_OF_RECORD } from '../../../schemas/cursor.ts';
import type { DurableConsumer, ShardState } from '../../../schemas/durable.ts';
import { decodeResumeToken } from '../../../schemas/resume-token.ts';

const NOW = 1_000_000;

const aRow = (given: Partial<SubscriptionRow> = {}): SubscriptionRow => ({
  subscriptionId: 'sub-1',
  sequence: 1,
  tenant: 'default',
  name: 'on-call',
  topicId: 7,
  topic: 'orders',
  kafkaTopic: 'default.orders',
  partitions: 2,
  filter: '',
  mandatoryFilter: '',
  plannedFilter: null,
  createdBy: null,
  fields: null,
  state: 'active',
  ackTimeoutMs: 1,
  backoffBaseMs: 1,
  backoffMaxMs: 1,
  maxAttempts: 1,
  maxInFlight: 1,
  groupKey: null,
  groupShards: null,
  seekRevision: 2,
  seekPosition: [[0, 99, END_OF_RECORD]],
  revision: 1,
  createdAt: new Date(0),
  ...given,
});
const aConsumer = (consumer: string, joinedMs: number, seenMs: number): DurableConsumer => ({
  consumer,
  edgeId: 'edge-1',
  connection: 'x',
  joinedMs,
  connectedMs: joinedMs,
  seenMs,
});
const owner = (consumer: string) => JSON.stringify({ consumer, edgeId: 'edge-1', connection: 'x' });
const state = (given: Partial<ShardState>): string =>
  JSON.stringify({ seekRevision: 2, floor: [], settled: [], attempts: [], ...given });
const ends = new Map([
  [0, 200],
  [1, 50],
]);

t.test('consumers that were not seen lately do not count, and the longest present comes first', (t) => {
  const consumers = [
    aConsumer('late', 500, NOW - 10),
    aConsumer('gone', 1, NOW - 5000),
    aConsumer('early', 400, NOW - 4999),
  ];
  const live = liveStateOf(aRow(), consumers, [[owner('early'), '3', String(NOW + 1), null]], ends, NOW);
  t.match(live.consumers, [
    { consumer: 'early', shards: [0] },
    { consumer: 'late', shards: [] },
  ]);
  t.equal(live.activeConsumer, 'early');
  t.end();
});

t.test('an owner whose lease has ended is nobody, as is one that released its shard', (t) => {
  for (const fields of [
    [owner('c'), '3', String(NOW), null],
    ['', '3', '0', null],
    [null, null, null, null],
  ]) {
    t.equal(liveStateOf(aRow(), [], [fields], ends, NOW).shards[0]?.consumer, null);
  }
  t.end();
});

t.test('a record whose first events are settled still lags', (t) => {
  const floor: ShardState['floor'] = [
    [0, 189, END_OF_RECORD],
    [1, 48, 3],
  ];
  const live = liveStateOf(aRow(), [], [[null, '1', null, state({ floor, attempts: [[1, 49, 0, 2]] })]], ends, NOW);
  t.match(live, { lagRecords: 10 + 2, inFlight: 1 });
  t.end();
});

t.test('a seek that no owner has seen counts already', (t) => {
  const before = state({ seekRevision: 1, floor: [[0, 5, 0]], attempts: [[0, 6, 0, 1]] });
  const live = liveStateOf(aRow(), [], [[owner('c'), '1', String(NOW + 1), before]], ends, NOW);
  const { position } = decodeResumeToken(live.shards[0]?.position ?? '');
  t.same(position.get(0), { offset: 99, index: END_OF_RECORD });
  t.match(live, { inFlight: 0, lagRecords: 100 + 50 });
  t.end();
});

t.test('of a group the shard that is furthest behind counts, and nobody is the active one', (t) => {
  const shards = [190, 150].map((offset, i) => [
    owner(`c${i}`),
    '1',
    String(NOW + 1),
    state({
      floor: [
        [0, offset, END_OF_RECORD],
        [1, 49, END_OF_RECORD],
      ],
    }),
  ]);
  const live = liveStateOf(aRow({ groupKey: ['k'], groupShards: 2 }), [], shards, ends, NOW);
  t.match(live, { lagRecords: 49, activeConsumer: null });
  t.equal(liveStateOf(aRow(), [], shards, null, NOW).lagRecords, null, 'not known without the ends');
  t.end();
});
