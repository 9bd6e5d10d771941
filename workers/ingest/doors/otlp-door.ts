// OTLP/HTTP: metrics, logs and traces, as protobuf and as JSON. Source: opentelemetry.io/docs/specs/otlp, "OTLP/HTTP".

import { MdsError } from '../../../schemas/errors.ts';
import type { IngestResult } from '../../../schemas/ingest.ts';
import { parsedJson } from '../event-reader.ts';
import type { Facts } from '../mapping/facts.ts';
import type { Mappings } from '../mapping/mapping.ts';
import { logFacts } from '../otlp/logs.ts';
import {
  type LogsRequest,
  logsRequest,
  type MetricsRequest,
  metricsRequest,
  type TracesRequest,
  tracesRequest,
} from '../otlp/messages.ts';
import { metricFacts } from '../otlp/metrics.ts';
import { spanFacts } from '../otlp/traces.ts';
import type { Message } from '../protobuf/message.ts';
import { readBinary } from '../protobuf/read-binary.ts';
import { readJson } from '../protobuf/read-json.ts';
import type { Door, DoorRequest } from './door.ts';
import { errorAnswer, successAnswer } from './otlp-answer.ts';
import { outcomeOf } from './plain-answer.ts';

const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json';

/** A fact of a request, and the number of the point, record or span that it belongs to. */
interface Numbered {
  readonly item: number;
  readonly facts: Facts;
}

interface Signal {
  readonly path: string;
  readonly message: Message;
  readonly mapping: 'otlp.metrics' | 'otlp.logs' | 'otlp.traces';
  /** Member of a partial success that counts what was rejected. */
  readonly rejectedName: string;
  readonly read: (request: Readonly<Record<string, unknown>>, nowMicros: number) => Numbered[];
}

// what `readBinary` and `readJson` give is what the tables in messages.ts say
const SIGNALS: readonly Signal[] = [
  {
    path: 'metrics',
    message: metricsRequest,
    mapping: 'otlp.metrics',
    rejectedName: 'rejectedDataPoints',
    read: (request, now) =>
      metricFacts(request as MetricsRequest, now).map(({ point, facts }) => ({ item: point, facts })),
  },
  {
    path: 'logs',
    message: logsRequest,
    mapping: 'otlp.logs',
    rejectedName: 'rejectedLogRecords',
    read: (request, now) => logFacts(request as LogsRequest, now).map((facts, item) => ({ item, facts })),
  },
  {
    path: 'traces',
    message: tracesRequest,
    mapping: 'otlp.traces',
    rejectedName: 'rejectedSpans',
    read: (request, now) => spanFacts(request as TracesRequest, now).map(({ span, facts }) => ({ item: span, facts })),
  },
];

export const otlpDoors = (mappings: Mappings): Door[] =>
  SIGNALS.map((signal) => ({
    name: 'otlp',
    path: `/v1/otlp/:topic/v1/${signal.path}`,
    handle: (request) => handle(request, signal, mappings),
    problem: ({ status, detail, retryable }, mediaType) =>
      errorAnswer(status, detail, retryable, mediaType === JSON_TYPE),
  }));

async function handle(request: DoorRequest, signal: Signal, mappings: Mappings) {
  const { mediaType, takeObjects, nowMicros } = request;
  const numbered = signal.read(read(request, signal.message), nowMicros);
  const map = mappings[signal.mapping]();
  const results = await takeObjects(numbered.map(({ facts }) => map(facts)));
  const { rejected, failed, reason } = outcomeOf(results);
  const isJson = mediaType === JSON_TYPE;
  // What Kafka has already is not written again when the exporter sends all of it again.
  if (failed) return errorAnswer(503, failed.detail, true, isJson);
  return successAnswer(signal.rejectedName, countItems(rejected, numbered), reason, isJson);
}

function read({ body, mediaType }: DoorRequest, message: Message): Readonly<Record<string, unknown>> {
  if (mediaType === PROTOBUF) return readBinary(message, body);
  if (mediaType === JSON_TYPE) return readJson(message, parsedJson(body));
  const found = mediaType || 'a body without content-type';
  throw new MdsError('MDS_MEDIA_TYPE_UNKNOWN', { found, known: [PROTOBUF, JSON_TYPE] });
}

/** A point of which several events were rejected is one rejected point. */
const countItems = (rejected: readonly IngestResult[], numbered: readonly Numbered[]): number =>
  new Set(rejected.map(({ index }) => numbered[index]?.item)).size;
