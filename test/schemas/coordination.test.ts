import assert from 'node:assert/strict';
import fc from 'fast-check';
import t from 'tap';
import type { TSchema } from 'typebox';
import { Check } from 'typebox/value';
import {
  Assignment,
  CatalogTopic,
  EdgeHeartbeat,
  HEARTBEAT_INTERVAL_MS,
  HEARTBEAT_TTL_MS,
  InterestChange,
  LANE_SILENCE_MS,
  ReplayRequest,
  readMessage,
  redisKeys,
  WATERMARK_INTERVAL_MS,
  WorkerHeartbeat,
} from '../../schemas/coordination.ts';
import { anyChannel, anyText, onlyThrows, RUNS, record } from './damage.ts';

const text = fc.string();
const count = fc.maxSafeNat();
const rate = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }).map(Math.abs);
const state = fc.constantFrom('running', 'draining');
const plan = fc.jsonValue().map((value): unknown => JSON.parse(JSON.stringify(value)));
const interest = record({ channel: anyChannel, topicId: count, generation: count, plan });
const process = { host: text, pid: count, httpUrl: text, startedAtMs: count, state };
const cursor = fc.tuple(fc.integer({ min: -1 }), count);

const MESSAGES: readonly (readonly [name: string, schema: TSchema, arbitrary: fc.Arbitrary<object>])[] = [
  [
    'CatalogTopic',
    CatalogTopic,
    record({
      topicId: count,
      tenant: text,
      name: text,
      kafkaTopic: text,
      deadLetterTopic: text,
      partitions: count,
      schemaId: count,
      schema: text,
    }),
  ],
  [
    'Assignment',
    Assignment,
    record({
      workerId: text,
      revision: count,
      partitions: fc.array(record({ topicId: count, partition: count, epoch: count }), { maxLength: 5 }),
    }),
  ],
  [
    'WorkerHeartbeat',
    WorkerHeartbeat,
    record({
      ...process,
      workerId: text,
      assignmentRevision: count,
      owned: fc.array(
        record({
          topicId: count,
          partition: count,
          epoch: count,
          nextOffset: fc.integer({ min: -1 }),
          lagRecords: count,
        }),
        { maxLength: 3 },
      ),
      eventsInPerSecond: rate,
      recordsInPerSecond: rate,
      bytesInPerSecond: rate,
      rejectedRecords: count,
      kernelBusyRatio: rate,
    }),
  ],
  [
    'EdgeHeartbeat',
    EdgeHeartbeat,
    record({
      ...process,
      edgeId: text,
      clientUrl: text,
      connections: count,
      subscriptions: count,
      channels: count,
      deliveriesPerSecond: rate,
      framesPerSecond: rate,
      latencyP50Ms: fc.option(rate),
      latencyP99Ms: fc.option(rate),
    }),
  ],
  [
    'InterestChange',
    InterestChange,
    record({
      edgeId: text,
      seq: count,
      add: fc.array(interest, { maxLength: 3 }),
      remove: fc.array(record({ channel: anyChannel, generation: count }), { maxLength: 3 }),
    }),
  ],
  [
    'ReplayRequest',
    ReplayRequest,
    record({
      edgeId: text,
      requestId: count,
      topicId: count,
      channels: fc.oneof(
        fc.array(record({ channel: anyChannel, plan }), { minLength: 1, maxLength: 3 }),
        fc.constant('interest'),
      ),
      ranges: fc.array(record({ partition: count, from: cursor, to: cursor }), { maxLength: 3 }),
      maxBytes: count,
      deadlineMs: count,
    }),
  ],
];

for (const [name, schema, arbitrary] of MESSAGES) {
  const readOrRefuse = (json: string) => onlyThrows(['MDS_COORDINATION_CORRUPT'], () => readMessage(schema, json));

  t.test(`${name}: what is written is read`, async () => {
    fc.assert(
      fc.property(arbitrary, (message) => {
        assert.deepEqual(readMessage(schema, JSON.stringify(message)), message);
      }),
      { numRuns: 100 },
    );
  });

  t.test(`${name}: every truncation is refused`, async (t) => {
    const json = JSON.stringify(fc.sample(arbitrary, { numRuns: 1, seed: 3 })[0]);
    for (let length = 0; length < json.length; length++) {
      if (readOrRefuse(json.slice(0, length)) === null) t.fail(`read after ${length} characters`);
    }
  });

  t.test(`${name}: every member is required`, async (t) => {
    const message: Record<string, unknown> = { ...fc.sample(arbitrary, { numRuns: 1, seed: 3 })[0] };
    for (const key of Object.keys(message)) {
      if (key === 'plan') continue; // checked by whoever compiles it
      const { [key]: _, ...rest } = message;
      t.equal(readOrRefuse(JSON.stringify(rest)), 'MDS_COORDINATION_CORRUPT', key);
    }
  });

  t.test(`${name}: flipped bits and any other JSON are refused or of valid shape`, async () => {
    const flipped = fc.tuple(arbitrary, fc.nat(), fc.nat(7)).map(([message, at, bit]) => {
      const bytes = Buffer.from(JSON.stringify(message));
      bytes.writeUInt8(bytes.readUInt8(at % bytes.length) ^ (1 << bit), at % bytes.length);
      return bytes.toString('utf8');
    });
    fc.assert(
      fc.property(fc.oneof(flipped, fc.json(), anyText), (json) => {
        onlyThrows(['MDS_COORDINATION_CORRUPT'], () => {
          assert.ok(Check(schema, readMessage(schema, json)));
        });
      }),
      { numRuns: RUNS },
    );
  });
}

t.test('the error names the place', async (t) => {
  t.throws(() => readMessage(Assignment, '{"workerId":"w","revision":-1,"partitions":[]}'), { message: /\/revision/ });
  t.throws(() => readMessage(Assignment, 'nonsense'), { code: 'MDS_COORDINATION_CORRUPT', message: /JSON/ });
});

t.test('no two kinds of key collide, and each begins with the prefix', async (t) => {
  const keys = redisKeys('test');
  const all = Object.values(keys).map((key) => (typeof key === 'function' ? key('x') : key));
  t.equal(new Set(all).size, all.length);
  t.ok(all.every((key) => key.startsWith('test:')));
});

t.test('several beats fit into a lifetime, and several watermarks into a silence', async (t) => {
  t.ok(HEARTBEAT_INTERVAL_MS * 4 <= HEARTBEAT_TTL_MS);
  t.ok(WATERMARK_INTERVAL_MS * 3 <= LANE_SILENCE_MS);
});
