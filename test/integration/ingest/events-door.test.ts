// The events door on the real stack: every form and encoding, bombs, Avro, CloudEvents, Alertmanager.

import { once } from 'node:events';
import { request } from 'node:http';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import avro from 'avsc';
import t from 'tap';
import { encodeConfluent } from '../../../schemas/confluent-wire.ts';
import { IngestStage } from './ingest-harness.ts';

t.setTimeout(120_000);

const JSON_TYPE = { 'content-type': 'application/json' };
const LINES = { 'content-type': 'application/x-ndjson' };

const anEvent = (id: string, host = 'web-1') => ({
  ...{ id, service: 'shop', host, kind: 'METRIC', name: 'cpu.usage', value: 1.5, timestamp: '2026-01-31T12:00:00.5Z' },
  labels: { region: 'eu-west' },
});
const lines = (events: readonly unknown[]): string => events.map((event) => JSON.stringify(event)).join('\n');

t.test('the events door', async (t) => {
  const stage = await IngestStage.start(t, () => ({ MDS_INGEST_DECODED_BYTES: '1000000' }));

  await t.test(
    'what comes in any form or encoding is in Kafka once, in order, at the place that was told',
    async (t) => {
      const topic = await stage.topic('forms');
      const path = `/v1/topics/${topic.name}/events`;
      const events = Array.from({ length: 700 }, (_, i) => anEvent(`e${i}`, `h${i % 3}`));
      const bodies: [object, string | Uint8Array][] = [
        [JSON_TYPE, JSON.stringify(events.slice(0, 100))],
        [LINES, lines(events.slice(100, 200))],
        [{ ...LINES, 'content-encoding': 'gzip' }, gzipSync(lines(events.slice(200, 300)))],
        [{ ...LINES, 'content-encoding': 'zstd' }, zstdCompressSync(lines(events.slice(300, 700)))],
      ];
      const places = new Map<string, string>();
      let sent = 0;
      for (const [headers, body] of bodies) {
        const answer = await stage.post(path, body, { ...headers });
        t.equal(answer.status, 200, answer.text.slice(0, 300));
        const { results, failed, rejected } = JSON.parse(answer.text);
        t.same([failed, rejected], [0, 0]);
        for (const { partition, offset, recordIndex } of results) {
          places.set(`e${sent++}`, `${partition}/${offset}/${recordIndex}`);
        }
      }
      for (const [headers, body] of bodies) {
        const again = JSON.parse((await stage.post(path, body, { ...headers })).text);
        t.same([again.accepted, again.failed, again.rejected], [0, 0, 0], 'sent again, all are duplicates');
        t.match(again.results[7], { status: 'duplicate', recordIndex: Number });
      }
      const stored = await stage.stored(topic);
      t.equal(stored.length, 700);
      for (const { event, partition, offset, index, key } of stored) {
        if (places.get(event.id) !== `${partition}/${offset}/${index}`)
          t.fail(`${event.id} is not where it was said to be`);
        if (key !== event.host) t.fail(`${event.id} has key ${key}`);
      }
      for (const host of ['h0', 'h1', 'h2']) {
        const numbers = stored.filter(({ event }) => event.host === host).map(({ event }) => Number(event.id.slice(1)));
        t.same(
          numbers,
          numbers.toSorted((a, b) => a - b),
          `${host} is in order`,
        );
      }
      t.ok(
        new Set(places.values()).size === 700 &&
          stored.length > new Set(stored.map((e) => `${e.partition}/${e.offset}`)).size,
      );
      t.match(stored[0]?.event, { tenant: 'default', severity: 'INFO', timestamp: 1_769_860_800_500_000, value: 1.5 });
    },
  );

  await t.test('errors have line and path, and do not hold the others up', async (t) => {
    const topic = await stage.topic('errors');
    const body = `${lines([anEvent('a'), { ...anEvent('b'), kind: 'METRICS' }])}\n\n{oops\n`;
    const answer = JSON.parse((await stage.post(`/v1/topics/${topic.name}/events`, body, LINES)).text);
    t.match(answer, { accepted: 1, rejected: 2 });
    t.match(answer.results, [
      { index: 0, status: 'accepted' },
      { index: 1, line: 2, path: '$.kind', detail: /did you mean METRIC\?/ },
      { index: 2, line: 4, path: '$', detail: /not JSON/ },
    ]);
    const headers = { ...LINES, prefer: 'return=minimal' };
    const minimal = JSON.parse((await stage.post(`/v1/topics/${topic.name}/events`, body, headers)).text);
    t.match([minimal.duplicates, minimal.results.length], [1, 2]);
  });

  await t.test('bombs, wrong encodings and other media types are refused', async (t) => {
    const topic = await stage.topic('bombs');
    const path = `/v1/topics/${topic.name}/events`;
    const zeros = Buffer.alloc(50_000_000);
    for (const [encoding, body] of [
      ['gzip', gzipSync(zeros)],
      ['zstd', zstdCompressSync(zeros)],
    ] as const) {
      const answer = await stage.post(path, body, { ...LINES, 'content-encoding': encoding });
      t.match(answer, { status: 413, text: /MDS_BODY_TOO_LARGE/ }, encoding);
    }
    t.match(await stage.post(path, 'x', { ...LINES, 'content-encoding': 'gzip' }), {
      status: 400,
      text: /MDS_BODY_CORRUPT/,
    });
    t.match(await stage.post(path, 'x', { ...LINES, 'content-encoding': 'br' }), { status: 415 });
    t.match(await stage.post(path, 'x', { 'content-type': 'text/csv' }), {
      status: 415,
      text: /MDS_MEDIA_TYPE_UNKNOWN/,
    });
    t.match(await stage.post('/v1/topics/none/events', '[]', JSON_TYPE), { status: 404 });
    // only announced: whoever sends all of it may find the connection closed before it reads the answer
    const headers = { ...JSON_TYPE, 'content-length': '5000000' };
    const announced = request(`${stage.door.httpUrl}${path}`, { method: 'POST', headers });
    announced.flushHeaders();
    const [answer] = await once(announced, 'response');
    t.equal(answer.statusCode, 413);
    announced.destroy();
  });

  await t.test('Avro: batch records and single ones go in; what the topic cannot read does not', async (t) => {
    const schema = { type: 'record', name: 'Fact', fields: [{ name: 'id', type: 'string' }] };
    const topic = await stage.topic('avro', schema);
    const path = `/v1/topics/${topic.name}/events`;
    const headers = { 'content-type': 'application/vnd.mds.avro' };
    const type = avro.Type.forSchema(schema as avro.Schema);
    const events = { type: 'array', items: type } as const;
    const batch = avro.Type.forSchema({ type: 'record', name: 'B', fields: [{ name: 'events', type: events }] });
    const ids = (first: number, count: number) => Array.from({ length: count }, (_, i) => ({ id: `a${first + i}` }));
    const send = async (schemaId: number, bytes: Buffer) =>
      JSON.parse((await stage.post(path, encodeConfluent(schemaId, bytes), headers)).text);
    t.match(await send(topic.batchSchemaId, batch.toBuffer({ events: ids(0, 50) })), { accepted: 50 });
    t.match(await send(topic.schemaId, type.toBuffer({ id: 'a50' })), { accepted: 1 });
    t.match(await send(topic.batchSchemaId, batch.toBuffer({ events: ids(49, 3) })), { accepted: 1, duplicates: 2 });
    t.match(await send(999_999, type.toBuffer({ id: 'x' })), { code: 'MDS_SCHEMA_UNKNOWN_ID' });
    const other = await stage.topic('other');
    t.match(await send(other.schemaId, type.toBuffer({ id: 'x' })), { code: 'MDS_SCHEMA_MISMATCH' });
    t.match(await send(topic.schemaId, Buffer.from([200])), { code: 'MDS_RECORD_TRUNCATED' });
    t.same(new Set((await stage.stored(topic)).map(({ event }) => event.id)), new Set(ids(0, 52).map(({ id }) => id)));
  });

  await t.test('CloudEvents: structured, batched and binary', async (t) => {
    const topic = await stage.topic('cloud');
    const path = `/v1/topics/${topic.name}/events`;
    const cloudEvent = (id: string) => ({
      ...{
        specversion: '1.0',
        id,
        source: '/shop',
        type: 'com.shop.order',
        time: '2026-01-31T12:00:00Z',
        region: 'eu',
      },
      data: { severity: 'ERROR', host: 'web-1', message: 'failed', value: 3 },
    });
    const structured = { 'content-type': 'application/cloudevents+json; charset=utf-8' };
    const batched = { 'content-type': 'application/cloudevents-batch+json' };
    const binary = {
      ...JSON_TYPE,
      ...{ 'ce-specversion': '1.0', 'ce-id': '3', 'ce-source': '/shop', 'ce-type': 'com.shop.order' },
    };
    const result = async (body: unknown, headers: object) =>
      JSON.parse((await stage.post(path, JSON.stringify(body), { ...headers })).text);
    t.match(await result(cloudEvent('1'), structured), { accepted: 1 });
    t.match(await result([cloudEvent('1'), { ...cloudEvent('x'), type: '' }, cloudEvent('2')], batched), {
      ...{ accepted: 1, duplicates: 1, rejected: 1 },
      results: [
        { index: 0, status: 'duplicate' },
        { index: 1, status: 'rejected' },
        { index: 2, status: 'accepted' },
      ],
    });
    t.match(await result({ severity: 'WARNING', message: 'slow' }, binary), { accepted: 1 });
    const stored = (await stage.stored(topic)).map(({ event }) => event).sort((a, b) => (a.id < b.id ? -1 : 1));
    t.equal(stored.length, 3);
    t.match(stored[0], {
      ...{ id: '/shop 1', service: '/shop', host: 'web-1', kind: 'CHANGE', name: 'com.shop.order', severity: 'ERROR' },
      ...{ value: 3, message: 'failed', timestamp: 1_769_860_800_000_000, labels: { region: 'eu' } },
    });
    t.match(stored[2], { id: '/shop 3', severity: 'WARNING', message: 'slow', host: 'unknown' });
  });

  await t.test('Alertmanager: firing and resolved, and its repetitions are one event each', async (t) => {
    const topic = await stage.topic('alerts');
    const alert = (status: string) => ({
      ...{ status, labels: { alertname: 'DiskFull', severity: 'page', instance: 'db-1:9100', job: 'node' } },
      ...{ annotations: { summary: 'The disk is full' }, fingerprint: 'f1', generatorURL: 'http://prom/g' },
      ...{
        startsAt: '2026-01-31T12:00:00Z',
        endsAt: status === 'firing' ? '0001-01-01T00:00:00Z' : '2026-01-31T13:00:00Z',
      },
    });
    const send = (alerts: readonly unknown[]) =>
      stage.post(
        `/v1/alertmanager/${topic.name}`,
        JSON.stringify({ version: '4', receiver: 'mds', alerts }),
        JSON_TYPE,
      );
    t.match(await send([alert('firing')]), { status: 200 });
    t.match(await send([alert('firing')]), { status: 200 });
    t.match(await send([alert('resolved')]), { status: 200 });
    t.match(await send([{ status: 'odd' }]), { status: 400 });
    const stored = (await stage.stored(topic)).map(({ event }) => event);
    t.match(stored, [
      {
        ...{ kind: 'ALERT', name: 'DiskFull', severity: 'CRITICAL', host: 'db-1:9100', service: 'node' },
        ...{ message: 'The disk is full', timestamp: 1_769_860_800_000_000, labels: { status: 'firing' } },
      },
      { severity: 'INFO', timestamp: 1_769_864_400_000_000, labels: { status: 'resolved' } },
    ]);
    t.equal(stored.length, 2);
  });
});
