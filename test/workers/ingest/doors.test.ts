// What doors say to senders that only look at the status, how foreign formats are read, and who is let in.

import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { compressSync } from 'snappy';
import t from 'tap';
import { MdsError } from '../../../schemas/errors.ts';
import { type Identity, OPEN_IDENTITY } from '../../../schemas/identity/identity.ts';
import type { IngestResult } from '../../../schemas/ingest.ts';
import { Admission } from '../../../workers/ingest/admission.ts';
import { answerText } from '../../../workers/ingest/doors/answer-text.ts';
import { errorAnswer, successAnswer } from '../../../workers/ingest/doors/otlp-answer.ts';
import { plainAnswer } from '../../../workers/ingest/doors/plain-answer.ts';
import { EventQuota } from '../../../workers/ingest/event-quota.ts';
import { metricFacts } from '../../../workers/ingest/otlp/metrics.ts';
import { readWriteRequest } from '../../../workers/ingest/prometheus/write-request.ts';

const accepted: IngestResult = { index: 0, status: 'accepted', partition: 1, offset: 2, recordIndex: 3 };
const rejected: IngestResult = { index: 1, status: 'rejected', code: 'C', path: '$.a', detail: 'bad' };
const failed: IngestResult = { index: 2, status: 'failed', code: 'C', detail: 'Kafka is away' };

t.test('4xx only for what will never be taken, 5xx for what is to be sent again, whatever else is wrong', async (t) => {
  t.match(plainAnswer([accepted], 204), { status: 204 });
  t.match(plainAnswer([accepted, rejected], 204), { status: 400, body: /1 of 2 events were refused: bad/ });
  t.match(plainAnswer([accepted, rejected, failed], 204), { status: 503, body: /Kafka is away/ });
  t.match(plainAnswer([accepted], 204, ['no histograms']), { status: 400, body: /no histograms/ });
});

t.test('the answer that is written by hand is the JSON that it should be', async (t) => {
  const results = [accepted, rejected, failed];
  t.same(JSON.parse(answerText(results, false)), { accepted: 1, duplicates: 0, rejected: 1, failed: 1, results });
  t.same(JSON.parse(answerText(results, true)).results, [rejected, failed]);
});

t.test('OTLP: partial successes and errors in both forms', async (t) => {
  t.same(successAnswer('rejectedSpans', 0, '', true).body, '{}');
  t.same(JSON.parse(String(successAnswer('rejectedSpans', 2, 'bad', true).body)), {
    partialSuccess: { rejectedSpans: '2', errorMessage: 'bad' },
  });
  const reader = new BinaryReader(Buffer.from(successAnswer('rejectedSpans', 2, 'bad', false).body));
  t.same(
    [reader.tag()[0], reader.uint32(), reader.tag()[0], Number(reader.int64()), reader.tag()[0], reader.string()],
    [...[1, 7, 1, 2, 2, 'bad']],
  );
  t.match(errorAnswer(400, 'bad', false, true), { status: 400, body: '{"code":3,"message":"bad"}' });
  t.equal(errorAnswer(409, 'busy', true, true).status, 503, 'exporters send again after 503, not after 409');
});

function aWriteRequest(value: number, histogram = false): Buffer {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.LengthDelimited).fork();
  for (const [name, text] of [
    ['__name__', 'up'],
    ['job', 'node'],
  ] as const) {
    writer.tag(1, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).string(name).tag(2, WireType.LengthDelimited).string(text).join();
  }
  writer.tag(2, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.Bit64).double(value).tag(2, WireType.Varint).int64(1_700_000_000_123).join();
  if (histogram) writer.tag(4, WireType.LengthDelimited).fork().join();
  return compressSync(writer.join().finish());
}

t.test('Prometheus: samples are read, marks of the end of a series are none', async (t) => {
  t.match(readWriteRequest(aWriteRequest(1.5, true), 1e6), {
    facts: [
      {
        plain: { name: 'up', value: 1.5, timestamp: 1_700_000_000_123_000 },
        groups: { label: { job: 'node' } },
      },
    ],
    histograms: 1,
  });
  t.equal(readWriteRequest(aWriteRequest(Number.NaN), 1e6).facts.length, 1, 'a NaN that was measured is a sample');
  const stale = Buffer.from(aWriteRequest(Number.NaN));
  const at = stale.indexOf(Buffer.from('000000000000f87f', 'hex'));
  Buffer.from('020000000000f07f', 'hex').copy(stale, at);
  t.match(readWriteRequest(stale, 1e6), { facts: [], staleMarkers: 1 });
});

t.test('Prometheus: a block that says it is larger than allowed is not uncompressed', async (t) => {
  t.throws(() => readWriteRequest(aWriteRequest(1), 10), { code: 'MDS_BODY_TOO_LARGE' });
  t.throws(() => readWriteRequest(Buffer.from([4, 0xfc, 0xfb, 0xff, 0xff, 0xff, 1]), 1e6), {
    code: 'MDS_REQUEST_INVALID',
  });
});

t.test('OTLP: an exponential histogram is cumulated by rising bounds', async (t) => {
  const point = {
    ...{ timeUnixNano: 1000n, count: 7n, scale: 0, zeroCount: 1n },
    positive: { offset: 0, bucketCounts: [2n, 0n, 1n] },
    negative: { offset: 1, bucketCounts: [3n] },
  };
  const metrics = [{ name: 'h', exponentialHistogram: { dataPoints: [point] } }];
  const facts = metricFacts({ resourceMetrics: [{ scopeMetrics: [{ metrics }] }] }, 0).map(({ facts: one }) => one);
  const buckets = facts.filter(({ plain }) => plain.name === 'h.bucket');
  t.same(
    buckets.map(({ plain, groups }) => [groups.attribute?.le, plain.value]),
    [
      ['-2', 3],
      ['0', 4],
      ['2', 6],
      ['8', 7],
    ],
  );
});

function anAdmission({ identity = OPEN_IDENTITY, limit = 1, quota = null as number | null } = {}) {
  const world = { nowMs: 0, paidMs: 0 };
  const events = new EventQuota({
    // Redis, played: GCRA with the played clock
    redis: {
      eval: async (_script: string, _keys: number, _key: string, worthMs: number, burstMs: number) => {
        const paid = Math.max(world.nowMs, world.paidMs);
        if (paid - world.nowMs > burstMs) return [0, paid - world.nowMs - burstMs];
        world.paidMs = paid + worthMs;
        return [1, world.paidMs - world.nowMs - burstMs];
      },
    } as never,
    redisPrefix: 'x',
    log: { debug: () => {} } as never,
    limitOf: () => quota,
    now: () => world.nowMs,
  });
  const topics = {
    named: async (tenant: string, name: string) => {
      if (tenant !== identity.tenant || name !== 't') throw new MdsError('MDS_TOPIC_UNKNOWN', { topic: name });
      return { topic: { tenant, name } } as never;
    },
  };
  return { world, events, identity, admission: new Admission({ topics, quota: events, limit }) };
}

t.test('only who may publish to the topic is let in, and others are not told whether there is one', async (t) => {
  const reader: Identity = { ...OPEN_IDENTITY, roles: [], grants: [{ actions: ['subscribe'], topics: ['*'] }] };
  const { admission } = anAdmission({ identity: reader });
  await t.rejects(admission.admit(reader, 't'), { code: 'MDS_FORBIDDEN' });
  await t.rejects(admission.admit(reader, 'other'), { code: 'MDS_FORBIDDEN' });
  await t.rejects(admission.admit(OPEN_IDENTITY, 'other'), { code: 'MDS_TOPIC_UNKNOWN' });
  await t.rejects(admission.admit({ ...OPEN_IDENTITY, tenant: 'shop' }, 't'), { code: 'MDS_TOPIC_UNKNOWN' });
});

t.test('there is room for so many requests, and what leaves makes room once', async (t) => {
  const { admission, identity } = anAdmission();
  const entry = await admission.admit(identity, 't');
  await t.rejects(admission.admit(identity, 't'), { code: 'MDS_INGEST_BUSY' });
  entry.leave();
  entry.leave();
  await admission.admit(identity, 't');
  await t.rejects(admission.admit(identity, 't'), { code: 'MDS_INGEST_BUSY' });
});

t.test('a tenant may bring a large batch, and pays for it by waiting', async (t) => {
  const { admission, events, world, identity } = anAdmission({ quota: 100, limit: 100 });
  t.match(events.headers('default'), { 'ratelimit-policy': '"events";q=100;w=1' });
  await events.charge('default', 350);
  await t.rejects(admission.admit(identity, 't'), { code: 'MDS_QUOTA_EXCEEDED', details: { retryAfterMs: 2500 } });
  await t.rejects(events.charge('default', 1), { code: 'MDS_QUOTA_EXCEEDED' });
  t.match(events.headers('default'), { ratelimit: '"events";r=0;t=3' });
  world.nowMs = 2501;
  await admission.admit(identity, 't');
  await events.charge('default', 1);
});
