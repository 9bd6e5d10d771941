// What holds at every door: a topic that was created a moment ago is never unknown, bodies may be compressed, and a file says
// what becomes of a field.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { compressSync } from 'snappy';
import t from 'tap';
import { IngestStage, SCHEMA } from './ingest-harness.ts';

const TOPICS = 50;
const MS = Date.now();
const AT = new Date(MS).toISOString();

const json = { 'content-type': 'application/json' };

/** WriteRequest { timeseries { labels { __name__ = "up" } samples { value = 1, timestamp } } } */
function writeRequest(): Uint8Array {
  const field = (number: number, bytes: Buffer): Buffer =>
    Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
  const value = Buffer.alloc(8);
  value.writeDoubleLE(1);
  const time: number[] = [];
  for (let rest = BigInt(MS); rest > 0n; rest >>= 7n) time.push(Number(rest & 127n) | (rest > 127n ? 128 : 0));
  const sample = Buffer.concat([Buffer.from([0x09]), value, Buffer.from([0x10, ...time])]);
  const label = Buffer.concat([field(1, Buffer.from('__name__')), field(2, Buffer.from('up'))]);
  return compressSync(field(1, Buffer.concat([field(1, label), field(2, sample)])));
}

const DOORS: Readonly<
  Record<string, (topic: string) => readonly [string, string | Uint8Array, Record<string, string>]>
> = {
  events: (topic) => [
    `/v1/topics/${topic}/events`,
    JSON.stringify([{ id: 'e', service: 's', host: 'h', kind: 'LOG', name: 'n', timestamp: AT }]),
    json,
  ],
  cloudEvents: (topic) => [
    `/v1/topics/${topic}/events`,
    JSON.stringify({ specversion: '1.0', id: '1', source: '/s', type: 't', time: AT, data: { message: 'm' } }),
    { 'content-type': 'application/cloudevents+json' },
  ],
  otlp: (topic) => [
    `/v1/otlp/${topic}/v1/logs`,
    JSON.stringify({
      resourceLogs: [{ scopeLogs: [{ logRecords: [{ timeUnixNano: `${MS}000000`, body: { stringValue: 'm' } }] }] }],
    }),
    json,
  ],
  prometheus: (topic) => [
    `/v1/prometheus/${topic}/write`,
    writeRequest(),
    { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' },
  ],
  alertmanager: (topic) => [
    `/v1/alertmanager/${topic}`,
    JSON.stringify({
      version: '4',
      alerts: [{ status: 'firing', labels: { alertname: 'a' }, annotations: {}, startsAt: AT, fingerprint: 'f' }],
    }),
    json,
  ],
};
const QUERIES = ['recent', 'aggregate', 'latest'] as const;

t.setTimeout(180_000);

t.test('topics are sent to and read at once when they were created', async (t) => {
  const stage = await IngestStage.start(t);
  const query = await stage.service.addQuery();
  await query.start();
  const doors = Object.keys(DOORS);
  const wrong: string[] = [];
  for (let i = 0; i < TOPICS; i++) {
    const { name } = await stage.service.api.createTopic({
      name: `new-${i}-${stage.service.namespace.id}`,
      partitions: 1,
      schema: SCHEMA,
    });
    const sent = doors.map(async (door) => {
      const request = DOORS[door]?.(name);
      if (!request) throw new Error(door);
      const { status, text } = await stage.post(...request);
      if (status >= 300) wrong.push(`${door} of topic ${i}: ${status} ${text}`);
    });
    const asked = QUERIES.map(async (path) => {
      const answer = await fetch(`${query.httpUrl}/v1/topics/${name}/${path}`);
      const text = await answer.text();
      // before a rollup worker has taken it up there is nothing to aggregate, and that is said
      if (!answer.ok && !text.includes('MDS_ROLLUP_NOT_READY'))
        wrong.push(`${path} of topic ${i}: ${answer.status} ${text}`);
    });
    await Promise.all([...sent, ...asked]);
  }
  t.same(wrong, []);
});

t.test('every door takes gzip and zstd, and maps as a file says', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'mds-mapping-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'mapping.json');
  const mapped = { host: ['=from-the-file'] };
  const mapping = { cloudevents: mapped, 'otlp.logs': mapped, prometheus: mapped, alertmanager: mapped };
  writeFileSync(file, JSON.stringify(mapping));
  const stage = await IngestStage.start(t, () => ({ MDS_INGEST_MAPPING_FILE: file }));
  for (const [door, request] of Object.entries(DOORS)) {
    const topic = await stage.topic(door.toLowerCase());
    const [path, body, headers] = request(topic.name);
    const encodings = headers['content-encoding']
      ? [[headers['content-encoding'], body] as const]
      : ([
          ['gzip', gzipSync(body)],
          ['zstd', zstdCompressSync(body)],
        ] as const);
    for (const [encoding, bytes] of encodings) {
      const { status, text } = await stage.post(path, bytes, { ...headers, 'content-encoding': encoding });
      t.ok(status < 300, `${door}, ${encoding}: ${status} ${text}`);
    }
    const hosts = (await stage.stored(topic)).map(({ event }) => event.host);
    t.same(hosts, [door === 'events' ? 'h' : 'from-the-file'], `${door}: once, and mapped`);
  }
});
