// What goes out, and what happens while the other side is away: envelopes, dead letters, schemas, heartbeats.

import { mock } from 'node:test';
import t from 'tap';
import { Health } from '../../../platform/health.ts';
import { createLogger } from '../../../platform/log.ts';
import type { Redis } from '../../../platform/redis.ts';
import { SchemaCache } from '../../../platform/schema-cache.ts';
import { redisKeys } from '../../../schemas/coordination.ts';
import { CommitLog } from '../../../workers/stream/commit-log.ts';
import { InterestReader } from '../../../workers/stream/interest-reader.ts';
import { InterestTable } from '../../../workers/stream/interest-table.ts';
import { LanePublisher } from '../../../workers/stream/lane-publisher.ts';
import { Lease } from '../../../workers/stream/lease.ts';
import { OffsetCommitter } from '../../../workers/stream/offset-committer.ts';
import { OwnershipClient, type OwnershipClientOptions } from '../../../workers/stream/ownership-client.ts';
import { TopicCatalog } from '../../../workers/stream/topic-catalog.ts';

const log = createLogger('test', 'silent');
const keys = redisKeys('t');
const place = (slot: number, position: number) => ({
  lane: 'e',
  slot,
  topicId: 1,
  partition: slot,
  position,
  length: 1,
});

t.test(
  'envelopes that Redis did not answer for are sent again in order, those of a lost partition are dropped',
  async (t) => {
    const sent: string[] = [];
    let attempt = 0;
    const redis = {
      pipeline: () => {
        const batch: number[] = [];
        return {
          spublish: (_lane: string, bytes: Buffer) => batch.push(bytes[0] ?? -1),
          exec: async () => {
            sent.push(batch.join());
            attempt++;
            if (attempt === 1) throw new Error('connection lost');
            return batch.map((_, i) => (attempt === 2 && i > 0 ? [new Error('lost'), null] : [null, 1]));
          },
        };
      },
    } as unknown as Redis;
    const retries: string[] = [];
    const publisher = new LanePublisher({
      redis,
      keys,
      mayPublish: async () => {},
      isOpen: (slot) => slot !== 9,
      onRetry: (reason) => retries.push(reason),
      signal: new AbortController().signal,
    });
    const output = Uint8Array.from([10, 11, 12, 13]);
    await publisher.publish(output, [place(1, 0), place(9, 1), place(1, 2), place(1, 3)]);
    t.same(sent, ['10,12,13', '10,12,13', '12,13']);
    t.same(retries, ['connection lost', 'lost']);
    await publisher.publish(output, [place(9, 0)]);
    t.equal(sent.length, 3, 'nothing to send, nothing sent');
  },
);

t.test('a registry that is away is waited for; an id it does not know is an answer', async (t) => {
  const answers: (() => { schema: string } | 'unknown')[] = [
    () => {
      throw new Error('away');
    },
    () => ({ schema: 's' }),
    () => 'unknown',
  ];
  const health = new Health();
  const getSchemaById = async () => answers.shift()?.() ?? 'unknown';
  const cache = new SchemaCache({ registry: { getSchemaById }, log, health, signal: new AbortController().signal });
  const first = cache.resolve(1);
  t.equal(cache.resolve(1), first, 'asked once');
  t.equal(await first, 's');
  t.equal(await cache.resolve(1), 's', 'and kept');
  t.ok(health.readiness().ready);
  t.equal(await cache.resolve(2), null);
});

/** Of worker w, whose Redis answers every transaction as that one does. */
function aClient(transaction: object, options: Partial<OwnershipClientOptions>): OwnershipClient {
  return new OwnershipClient({
    redis: { multi: () => transaction } as unknown as Redis,
    keys,
    workerId: 'w',
    lease: new Lease(() => 0),
    log,
    heartbeat: () => ({}) as never,
    apply: () => {},
    onBeat: () => {},
    now: () => 0,
    ...options,
  });
}

t.test(
  'a heartbeat that fails lets the lease run out; the next one reads the assignment before it proves anything',
  async (t) => {
    let nowMs = 0;
    let isAway = false;
    let assignment: string | null = null;
    const transaction = {
      set: () => transaction,
      sadd: () => transaction,
      get: () => transaction,
      publish: () => transaction,
      exec: async () => {
        if (isAway) throw new Error('away');
        return [
          [null, 'OK'],
          [null, 1],
          [null, assignment],
        ];
      },
    };
    const lease = new Lease(() => nowMs);
    const applied: [number, boolean, boolean][] = [];
    const beats: boolean[] = [];
    const client = aClient(transaction, {
      lease,
      apply: ({ revision }, isProven) => applied.push([revision, isProven, lease.isHeld]),
      onBeat: (isHeld) => beats.push(isHeld),
      now: () => nowMs,
    });
    const beat = async () => {
      client.beat();
      for (let i = 0; i < 10; i++) await Promise.resolve();
    };
    await beat();
    t.same(applied, [], 'no assignment is not an empty one');
    assignment = JSON.stringify({ workerId: 'w', revision: 1, partitions: [] });
    await beat();
    await beat();
    t.same(applied, [[1, true, true]], 'applied once');
    isAway = true;
    nowMs += 5000;
    await beat();
    t.equal(beats.at(-1), false);
    isAway = false;
    await beat();
    t.same(applied.at(-1), [1, false, false], 'read again, before the lease is held again');
    t.equal(beats.at(-1), false, 'a leader may be giving its partitions away at this moment');
    nowMs += 399;
    await beat();
    t.equal(beats.at(-1), false);
    nowMs += 1;
    await beat();
    t.equal(beats.at(-1), true);
    const applications = applied.length;
    assignment = 'broken';
    await beat();
    t.equal(applied.length, applications, 'what cannot be read changes nothing');
  },
);

t.test('offsets are not committed without the lease, and a commit that failed is tried again', async (t) => {
  let nowMs = 0;
  const lease = new Lease(() => nowMs);
  const commitLog = new CommitLog();
  const commits: unknown[] = [];
  let isBroken = true;
  const consumer = {
    commit: async (offsets: unknown) => {
      if (isBroken) throw new Error('no coordinator');
      commits.push(offsets);
    },
  };
  const placeOf = (slot: number) => (slot === 1 ? { topic: 'a', partition: 0 } : null);
  const committer = new OffsetCommitter({ consumer, commitLog, lease, log, intervalMs: 10, placeOf });
  for (const slot of [1, 2]) {
    commitLog.open(slot, 0);
    commitLog.skip(slot, 7);
  }
  t.equal(await committer.commitAll(), false, 'fenced');
  lease.prove(0);
  t.equal(await committer.commitAll(), false);
  isBroken = false;
  t.equal(await committer.commitAll(), true);
  t.match(commits, [[{ topic: 'a', partition: 0, offset: 7 }]]);
  nowMs = 10_000;
  t.equal(await committer.commitAll(), false);
});

t.test('everything is committed again now and then, also where nothing moved', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] });
  t.teardown(() => mock.timers.reset());
  const lease = new Lease(() => 0);
  lease.prove(0);
  const commitLog = new CommitLog();
  commitLog.open(1, 7);
  const commits: unknown[] = [];
  const consumer = { commit: async (offsets: unknown) => void commits.push(offsets) };
  const placeOf = () => ({ topic: 'a', partition: 0 });
  const committer = new OffsetCommitter({ consumer, commitLog, lease, log, intervalMs: 100_000, placeOf });
  committer.start();
  await committer.commitAll();
  t.same(commits, [], 'the owner before has committed it');
  mock.timers.tick(60_000);
  await committer.commitAll();
  await committer.commitAll();
  t.match(commits, [[{ offset: 7 }]]);
  t.equal(commits.length, 1);
  committer.stop();
});

t.test(
  'a worker that wakes up late sends nothing before it is proven alive, and nothing of what it lost',
  async (t) => {
    let nowMs = 0;
    const lease = new Lease(() => nowMs);
    lease.prove(0);
    const sent: string[] = [];
    const lost = new Set<number>();
    const redis = {
      pipeline: () => {
        const batch: number[] = [];
        return {
          spublish: (_lane: string, bytes: Buffer) => batch.push(bytes[0] ?? -1),
          exec: async () => {
            if (sent.push(batch.join()) > 1) return batch.map(() => [null, 1]);
            nowMs += 30_000; // stopped here
            throw new Error('connection lost');
          },
        };
      },
    } as unknown as Redis;
    const retried = Promise.withResolvers<void>();
    const publisher = new LanePublisher({
      redis,
      keys,
      mayPublish: () => {
        if (sent.length > 0) retried.resolve();
        return lease.held();
      },
      isOpen: (slot) => !lost.has(slot),
      onRetry: () => {},
      signal: new AbortController().signal,
    });
    const published = publisher.publish(Uint8Array.from([10, 11]), [place(1, 0), place(2, 1)]);
    await retried.promise;
    t.same(sent, ['10,11'], 'not sent again without proof');
    lost.add(1); // the assignment was read first
    lease.prove(nowMs);
    await published;
    t.same(sent, ['10,11', '11']);
  },
);

t.test('an assignment of the past, from a leader that was stopped for a while, is ignored', async (t) => {
  let text = '';
  const transaction = {
    set: () => transaction,
    sadd: () => transaction,
    get: () => transaction,
    publish: () => transaction,
    exec: async () => [
      [null, 'OK'],
      [null, 1],
      [null, text],
    ],
  };
  const applied: number[] = [];
  const client = aClient(transaction, { apply: ({ revision }) => applied.push(revision) });
  for (const revision of [4, 3, 5]) {
    text = JSON.stringify({ workerId: 'w', revision, partitions: [] });
    client.beat();
    for (let i = 0; i < 10; i++) await Promise.resolve();
  }
  t.same(applied, [4, 5]);
});

t.test(
  'what was given back last is told before the worker is off the list, also when a beat was on its way',
  async (t) => {
    const told: string[] = [];
    const onItsWay = Promise.withResolvers<void>();
    const transaction = {
      set: (_key: string, text: string) => {
        told.push(`beat, ${JSON.parse(text).released.length} given back`);
        return transaction;
      },
      sadd: () => transaction,
      get: () => transaction,
      publish: () => transaction,
      del: () => {
        told.push('off the list');
        return transaction;
      },
      srem: () => transaction,
      exec: async () => {
        await onItsWay.promise;
        return [];
      },
    };
    const released: object[] = [];
    const client = aClient(transaction, { heartbeat: () => ({ released }) as never });
    client.beatNow();
    released.push({});
    client.beatNow();
    const left = client.leave();
    onItsWay.resolve();
    await left;
    t.same(told, ['beat, 0 given back', 'beat, 1 given back', 'off the list']);
  },
);

t.test('the last good catalog is kept while Redis is empty, and an unreadable topic hides no other', async (t) => {
  const topic = {
    topicId: 1,
    tenant: 'd',
    name: 'n',
    kafkaTopic: 'd.n',
    deadLetterTopic: 'd.dl',
    partitions: 1,
    schemaId: 1,
    schema: '{}',
  };
  let hash: Record<string, string> = { 1: JSON.stringify(topic), 2: 'broken' };
  const catalog = new TopicCatalog({ hgetall: async () => hash } as unknown as Redis, keys, log);
  t.match(await catalog.topic(1), topic);
  hash = {};
  await catalog.read();
  t.match(await catalog.topic(1), topic);
  t.equal(await catalog.topic(2), undefined);
});

t.test('callers of readAll share the reading after the one that runs, and its data is theirs', async (t) => {
  let readings = 0;
  const redis = {
    smembers: async () => {
      readings++;
      return ['e'];
    },
    hget: async () => '4',
    hgetall: async () => ({ '#seq': '4', bad: 'not json' }),
  } as unknown as Redis;
  const table = new InterestTable(() => {});
  const reader = new InterestReader({ redis, keys, table, log, now: () => 0 });
  const first = reader.readAll();
  await Promise.all([first, reader.readAll(), reader.readAll()]);
  t.equal(readings, 2);
  t.equal(table.seqOf('e'), 4);
  t.throws(() => reader.hear('{}'), { code: 'MDS_COORDINATION_CORRUPT' });
});
