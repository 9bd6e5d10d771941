// The ingest doors: whatever comes is read or refused with an error of its own, quickly; and what is read is an event of the
// topic's schema, with the id and the key that its bytes have.

import avsc from 'avsc';
import { compressSync } from 'snappy';
import { avscTypeOf } from '../../schemas/avro/decoded-event.ts';
import { alertFacts } from '../../workers/ingest/alertmanager/webhook.ts';
import { readCloudEvents } from '../../workers/ingest/cloudevents/read.ts';
import type { EventBatch } from '../../workers/ingest/event-batch.ts';
import { EventReader, parsedJson, schemaIdOf } from '../../workers/ingest/event-reader.ts';
import { recordsOf } from '../../workers/ingest/kafka-records.ts';
import type { Facts } from '../../workers/ingest/mapping/facts.ts';
import { readMappings } from '../../workers/ingest/mapping/mapping.ts';
import { logFacts } from '../../workers/ingest/otlp/logs.ts';
import { logsRequest, metricsRequest, tracesRequest } from '../../workers/ingest/otlp/messages.ts';
import { metricFacts } from '../../workers/ingest/otlp/metrics.ts';
import { spanFacts } from '../../workers/ingest/otlp/traces.ts';
import { readWriteRequest } from '../../workers/ingest/prometheus/write-request.ts';
import { readBinary } from '../../workers/ingest/protobuf/read-binary.ts';
import { readJson } from '../../workers/ingest/protobuf/read-json.ts';
import { SyslogFramer } from '../../workers/ingest/syslog/framer.ts';
import { readSyslog } from '../../workers/ingest/syslog/message.ts';
import { type Choose, pick } from '../schemas/plan/pools.ts';
import { aMonitoringTopic, MONITORING_EVENT } from '../workers/ingest/an-ingest-topic.ts';
import { damagedBody } from '../workers/stream/kernel/damage-case.ts';
import { changedText } from './changed-text.ts';
import type { Door } from './door-targets.ts';

const NOW = 1e15;
const MAX_BYTES = 1_000_000;
const reader = new EventReader(aMonitoringTopic(), 1000);
const type = avscTypeOf(avsc, JSON.parse(MONITORING_EVENT));
const mappings = readMappings(null);

/** Every event that was taken decodes to the end, and says the id and the host that it was taken by. */
function checkEvents({ bytes, events }: EventBatch): void {
  for (const { start, end, eventId, key } of events) {
    const event = type.fromBuffer(bytes.subarray(start, end)); // throws unless it is exactly one
    if (event.id !== eventId || event.host !== key) throw new Error(`it has id ${event.id} and host ${event.host}`);
  }
}

function checkFacts(facts: readonly Facts[], door: keyof typeof mappings): void {
  const map = mappings[door]();
  const batch = reader.objects(facts.slice(0, 1000).map((one) => map(one)));
  checkEvents(batch);
}

const hexChange = (hex: string, choose: Choose): string => damagedBody(Buffer.from(hex, 'hex'), choose).toString('hex');
const TEXTS = ['', 'a', 'web-1', 'ä€😀', 'x'.repeat(300), '__proto__', '\ud800', '2026-01-31T12:00:00.5Z'];
const text = (choose: Choose): string => pick(choose, TEXTS);

function anEvent(choose: Choose): Record<string, unknown> {
  const scalar = () => pick<unknown>(choose, [1, -1, 1.5, 1e300, null, true, text(choose), [], {}, '12']);
  return {
    ...{ id: text(choose), service: text(choose), host: text(choose), name: text(choose) },
    kind: pick(choose, ['METRIC', 'LOG', 'METRICS']),
    timestamp: pick<unknown>(choose, [0, 1e15, 2 ** 53, '2026-01-31T12:00:00.5Z', 'never', -1]),
    ...(choose(2) > 0 ? { labels: { [text(choose)]: pick<unknown>(choose, ['x', 1, null]) } } : {}),
    ...(choose(3) === 0 ? { [pick(choose, ['value', 'severity', 'other', '__proto__'])]: scalar() } : {}),
  };
}

const ndjson: Door = {
  name: 'ndjson',
  codes: ['MDS_REQUEST_INVALID', 'MDS_EVENT_INVALID'],
  draw: (choose) => Array.from({ length: choose(4) }, () => JSON.stringify(anEvent(choose))).join('\n'),
  change: changedText,
  read: (body) => {
    const batch = reader.lines(Buffer.from(body));
    checkEvents(batch);
    const lines = body.split('\n').filter((line) => line.trim() !== '').length;
    if (batch.events.length + batch.results.length !== lines) throw new Error('an event has no result, or two');
  },
};

const avro: Door = {
  name: 'avro',
  codes: [
    'MDS_RECORD_NOT_FRAMED',
    'MDS_RECORD_TRUNCATED',
    'MDS_RECORD_TRAILING_BYTES',
    'MDS_RECORD_CORRUPT',
    'MDS_REQUEST_INVALID',
  ],
  draw: (choose) => {
    const good = { service: 's', kind: 'LOG', name: 'n', timestamp: choose(1e9), labels: { [text(choose)]: 'v' } };
    const events = Array.from({ length: 1 + choose(3) }, (_, i) => ({
      ...good,
      id: `${i}`,
      host: 'h',
      message: text(choose),
    }));
    const batch = reader.objects(events);
    return Buffer.from(recordsOf(batch, batch.events)[0]?.value ?? []).toString('hex');
  },
  change: hexChange,
  read: (hex) => {
    const body = Buffer.from(hex, 'hex');
    const writer = reader.writers.get(schemaIdOf(body));
    if (writer) checkEvents(reader.avro(body, writer));
  },
};

const otlpJson: Door = {
  name: 'otlp-json',
  codes: ['MDS_REQUEST_INVALID'],
  draw: (choose) => {
    const value = () =>
      pick<unknown>(choose, [
        { stringValue: text(choose) },
        { intValue: '7' },
        { doubleValue: 'NaN' },
        { arrayValue: {} },
        {},
      ]);
    const attributes = [{ key: text(choose), value: value() }];
    const times = { timeUnixNano: pick<unknown>(choose, ['1000000', 5, '0', '-1', 'x']), attributes };
    const dataPoints = [
      { ...times, asInt: '3' },
      { ...times, asDouble: 1.5 },
    ];
    const buckets = [{ ...times, count: '3', bucketCounts: ['1', 2], explicitBounds: [1], scale: choose(30) - 10 }];
    const metrics = [
      { name: text(choose), gauge: { dataPoints } },
      { histogram: { dataPoints: buckets } },
      { exponentialHistogram: { dataPoints: buckets } },
    ];
    const resource = { attributes };
    return JSON.stringify({
      resourceMetrics: [{ resource, scopeMetrics: [{ metrics }] }],
      resourceLogs: [
        { resource, scopeLogs: [{ logRecords: [{ ...times, body: value(), severityNumber: choose(30) }] }] },
      ],
      resourceSpans: [
        { resource, scopeSpans: [{ spans: [{ attributes, traceId: 'ab', events: [times], kind: choose(9) }] }] },
      ],
    });
  },
  change: changedText,
  read: (body) => {
    const json = parsedJson(Buffer.from(body));
    checkFacts(
      metricFacts(readJson(metricsRequest, json), NOW).map(({ facts }) => facts),
      'otlp.metrics',
    );
    checkFacts(logFacts(readJson(logsRequest, json), NOW), 'otlp.logs');
    checkFacts(
      spanFacts(readJson(tracesRequest, json), NOW).map(({ facts }) => facts),
      'otlp.traces',
    );
  },
};

/** Field by field, with lengths and types that are right half of the time. */
function aProtobuf(choose: Choose, depth = 0): Buffer {
  const fields = Array.from({ length: 1 + choose(4) }, () => {
    const number = 1 + choose(12);
    const wireType = pick(choose, [2, 2, 2, 0, 1, 5, 3]);
    const tag = Buffer.from([number * 8 + wireType]);
    if (wireType === 0) return Buffer.concat([tag, Buffer.from([choose(128)])]);
    if (wireType === 1) return Buffer.concat([tag, Buffer.alloc(8, choose(256))]);
    if (wireType === 5) return Buffer.concat([tag, Buffer.alloc(4, choose(256))]);
    if (wireType === 3) return tag;
    const inner = depth < 6 && choose(4) > 0 ? aProtobuf(choose, depth + 1) : Buffer.from(text(choose).slice(0, 20));
    return Buffer.concat([tag, Buffer.from([Math.min(127, inner.length)]), inner.subarray(0, 127)]);
  });
  return Buffer.concat(fields);
}

const otlpProtobuf: Door = {
  name: 'otlp-protobuf',
  codes: ['MDS_REQUEST_INVALID'],
  draw: (choose) => aProtobuf(choose).toString('hex'),
  change: hexChange,
  read: (hex) => {
    const body = Buffer.from(hex, 'hex');
    checkFacts(
      metricFacts(readBinary(metricsRequest, body), NOW).map(({ facts }) => facts),
      'otlp.metrics',
    );
    checkFacts(logFacts(readBinary(logsRequest, body), NOW), 'otlp.logs');
    checkFacts(
      spanFacts(readBinary(tracesRequest, body), NOW).map(({ facts }) => facts),
      'otlp.traces',
    );
  },
};

const prometheus: Door = {
  name: 'prometheus',
  codes: ['MDS_REQUEST_INVALID', 'MDS_BODY_TOO_LARGE'],
  draw: (choose) => compressSync(aProtobuf(choose)).toString('hex'),
  change: hexChange,
  read: (hex) => checkFacts(readWriteRequest(Buffer.from(hex, 'hex'), MAX_BYTES).facts, 'prometheus'),
};

const cloudEvents: Door = {
  name: 'cloudevents',
  codes: ['MDS_REQUEST_INVALID'],
  draw: (choose) =>
    JSON.stringify(
      Array.from({ length: choose(3) }, () => ({
        ...{ specversion: pick(choose, ['1.0', '0.3', 1]), id: text(choose), source: text(choose), type: 't' },
        ...(choose(2) > 0 ? { time: text(choose) } : {}),
        ...(choose(2) > 0 ? { data: pick<unknown>(choose, [anEvent(choose), text(choose), 7, null, []]) } : {}),
        ...(choose(3) === 0 ? { data_base64: text(choose), [text(choose)]: 1 } : {}),
      })),
    ),
  change: changedText,
  read: (body) => {
    const read = readCloudEvents({}, Buffer.from(body), 'application/cloudevents-batch+json', NOW);
    checkFacts(
      read.flatMap((one) => ('facts' in one ? [one.facts] : [])),
      'cloudevents',
    );
    const structured = { 'content-type': 'application/cloudevents+json' };
    for (const one of readCloudEvents(structured, Buffer.from(body), structured['content-type'], NOW)) {
      if ('facts' in one) checkFacts([one.facts], 'cloudevents');
    }
  },
};

const alertmanager: Door = {
  name: 'alertmanager',
  codes: ['MDS_REQUEST_INVALID'],
  draw: (choose) =>
    JSON.stringify({
      version: pick<unknown>(choose, ['4', 4]),
      alerts: Array.from({ length: choose(3) }, () => ({
        status: pick(choose, ['firing', 'resolved', 'odd']),
        labels: { alertname: text(choose), severity: text(choose), [text(choose)]: text(choose) },
        startsAt: pick(choose, ['2026-01-31T12:00:00Z', '0001-01-01T00:00:00Z', 'x']),
      })),
    }),
  change: changedText,
  read: (body) => checkFacts(alertFacts(parsedJson(Buffer.from(body)), NOW), 'alertmanager'),
};

const syslog: Door = {
  name: 'syslog',
  codes: ['MDS_SYSLOG_FRAMING'],
  draw: (choose) =>
    Array.from({ length: 1 + choose(4) }, () => {
      const data = pick(choose, ['-', '[a@1 b="c\\"d"]', '[a@1 b="c"][mds@32473 token="s3cret"]', '[a', '[]']);
      const message = `<${choose(250)}>1 2026-01-31T12:00:00.5Z ${pick(choose, ['-', 'web-1', 'ä'])} app - ID ${data} ${text(choose)}`;
      return choose(2) > 0 ? `${Buffer.byteLength(message)} ${message}` : `${message}\n`;
    }).join(''),
  change: changedText,
  read: (stream) => {
    const bytes = Buffer.from(stream);
    const cut = (size: number): Buffer[] => {
      const framer = new SyslogFramer(2000);
      const messages: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) messages.push(...framer.push(bytes.subarray(at, at + size)));
      return [...messages, ...[framer.end()].filter((last) => last !== null)];
    };
    const messages = cut(bytes.length + 1);
    if (!Buffer.concat(messages).equals(Buffer.concat(cut(7)))) throw new Error('it reads differently in other pieces');
    const facts = messages.map((message) => readSyslog(message, '127.0.0.1', NOW));
    for (const { facts: one, token } of facts) {
      if (token === 's3cret' && JSON.stringify(one).includes('s3cret')) throw new Error('the token is in the facts');
    }
    checkFacts(
      facts.map((one) => one.facts),
      'syslog',
    );
  },
};

export const ingestDoors: readonly Door[] = [
  ...[ndjson, avro, otlpJson, otlpProtobuf, prometheus, cloudEvents, alertmanager, syslog],
];
