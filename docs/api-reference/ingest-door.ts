// The ingest door's operations. Its bodies are read by readers of their own and not by schemas of routes, so they are described
// here, one for each door that it has: a door without a description is an error.

import { DEFAULT_PORT_BASE, LOOPBACK, portPlan } from '../../deploy/local/port-plan.ts';
import type { ApiOperation, ApiPath, ApiResponse } from '../../platform/openapi/complete-document.ts';
import type { DoorPart } from '../../platform/openapi/doors.ts';
import { problemResponses } from '../../platform/rest-app.ts';
import { PROBLEM_CONTENT_TYPE } from '../../schemas/api/problem.ts';
import { TopicName } from '../../schemas/api/topic.ts';
import type { MdsErrorCode } from '../../schemas/errors.ts';
import { IngestAnswer } from '../../schemas/ingest.ts';
import { allDoors } from '../../workers/ingest/doors/all-doors.ts';
import { readMappings } from '../../workers/ingest/mapping/mapping.ts';

const CODES: readonly MdsErrorCode[] = [
  'MDS_REQUEST_INVALID',
  'MDS_UNAUTHENTICATED',
  'MDS_FORBIDDEN',
  'MDS_ORIGIN_REFUSED',
  'MDS_TOPIC_UNKNOWN',
  'MDS_MEDIA_TYPE_UNKNOWN',
  'MDS_QUOTA_EXCEEDED',
  'MDS_RATE_LIMITED',
  'MDS_INGEST_BUSY',
  'MDS_DEPENDENCY_UNAVAILABLE',
  'MDS_TIMEOUT',
  'MDS_INTERNAL',
];
const BYTES = { type: 'string', format: 'binary' };
const TEXT = { type: 'string' };
const EVENT = {
  ...{ id: 'deploy-817', service: 'shop', host: 'web-1', kind: 'CHANGE', name: 'deployed' },
  timestamp: '2026-01-31T12:00:00Z',
};
const CLOUD_EVENT = {
  ...{ specversion: '1.0', id: '1', source: '/shop', type: 'com.shop.order', time: '2026-01-31T12:00:00Z' },
  data: { severity: 'ERROR', host: 'web-1', message: 'payment failed' },
};
const OTLP_LOGS = {
  resourceLogs: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
      scopeLogs: [
        {
          logRecords: [{ timeUnixNano: '1769860800000000000', severityNumber: 17, body: { stringValue: 'it broke' } }],
        },
      ],
    },
  ],
};
const ALERTS = {
  version: '4',
  receiver: 'mds',
  alerts: [
    {
      status: 'firing',
      labels: { alertname: 'DiskFull', severity: 'critical', instance: 'db-1' },
      annotations: { summary: 'The disk is full' },
      startsAt: '2026-01-31T12:00:00Z',
      fingerprint: 'f1',
    },
  ],
};

/** In the protocol's own words: their senders read no problem details. */
const ownErrors = (contentTypes: readonly string[], statuses: readonly number[]): Record<string, ApiResponse> =>
  Object.fromEntries(
    statuses.map((status) => [
      status,
      {
        description: `What is wrong, in the protocol's own words${status === 503 ? '; send it again' : ''}.`,
        content: Object.fromEntries(
          contentTypes.map((type) => [
            type,
            {
              schema: type.endsWith('json') ? {} : TEXT,
              example: type.endsWith('json') ? { code: 3, message: 'it is no JSON' } : 'it is no protobuf',
            },
          ]),
        ),
      },
    ]),
  );

/** Problem responses with the reference as it stands in a whole document. */
const problems = JSON.parse(
  JSON.stringify(problemResponses(CODES)).replaceAll('"Problem#"', '"#/components/schemas/Problem"'),
) as Record<string, ApiResponse>; // of problemResponses

/** A problem, or what the sender's protocol has for it. */
function problemsOr(own: Record<string, ApiResponse>): Record<string, ApiResponse> {
  const both = Object.entries(problems).map(([status, response]): [string, ApiResponse] => {
    const { content } = own[status] ?? {};
    return [status, content === undefined ? response : { ...response, content: { ...response.content, ...content } }];
  });
  return { ...own, ...Object.fromEntries(both) };
}

const withTopic = (operation: Omit<ApiOperation, 'tags' | 'parameters'>): ApiPath => ({
  post: {
    tags: ['ingest'],
    parameters: [{ name: 'topic', in: 'path', required: true, schema: TopicName }],
    ...operation,
  },
});

const OTLP_TYPES = ['application/json', 'application/x-protobuf'];
const otlp = (what: string, example: object): ApiPath =>
  withTopic({
    summary: `Send ${what} by OTLP/HTTP`,
    description: "An exporter's endpoint is the path up to the topic; protobuf or JSON, gzip if it likes.",
    requestBody: {
      content: {
        'application/json': { schema: {}, example },
        'application/x-protobuf': { schema: BYTES, example: 'protobuf' },
      },
    },
    responses: {
      200: {
        description: 'What was not refused is in Kafka; `partialSuccess` counts what was.',
        content: {
          'application/json': { schema: {}, example: {} },
          'application/x-protobuf': { schema: BYTES, example: 'protobuf' },
        },
      },
      ...problemsOr(ownErrors(OTLP_TYPES, [400, 401, 403, 404, 413, 415, 429, 500, 503, 504])),
    },
  });

const OPERATIONS: Readonly<Record<string, ApiPath>> = {
  '/v1/topics/{topic}/events': withTopic({
    summary: 'Send events, each of which is written once',
    description:
      'Answered when Kafka has what was accepted on every in-sync replica. Also CloudEvents 1.0 in binary mode, by their headers. `Prefer: return=minimal` lists only what was not taken.',
    requestBody: {
      content: {
        'application/json': { schema: {}, example: [EVENT] },
        'application/x-ndjson': { schema: TEXT, example: `${JSON.stringify(EVENT)}\n` },
        'application/vnd.mds.avro': { schema: BYTES, example: 'a record as it stands in Kafka' },
        'application/cloudevents+json': { schema: {}, example: CLOUD_EVENT },
        'application/cloudevents-batch+json': { schema: {}, example: [CLOUD_EVENT] },
      },
    },
    responses: {
      200: { description: 'A result for each event.', content: { 'application/json': { schema: IngestAnswer } } },
      ...problems,
      ...withFurther('404', 'MDS_SCHEMA_UNKNOWN_ID'),
      ...withFurther('409', 'MDS_SCHEMA_INCOMPATIBLE'),
      ...withFurther('422', 'MDS_RECORD_NOT_FRAMED'),
    },
  }),
  '/v1/otlp/{topic}/v1/logs': otlp('logs', OTLP_LOGS),
  '/v1/otlp/{topic}/v1/metrics': otlp('metrics', { resourceMetrics: [] }),
  '/v1/otlp/{topic}/v1/traces': otlp('spans as events', { resourceSpans: [] }),
  '/v1/prometheus/{topic}/write': withTopic({
    summary: 'Prometheus remote write 1.0',
    description:
      '4xx is said only of what will never be taken, after everything else was written: Prometheus drops it.',
    requestBody: { content: { 'application/x-protobuf': { schema: BYTES, example: 'snappy, protobuf' } } },
    responses: {
      204: { description: 'Kafka has all of it.' },
      ...problemsOr(ownErrors(['text/plain'], [400, 503])),
    },
  }),
  '/v1/alertmanager/{topic}': withTopic({
    summary: "Alertmanager's webhook, version 4",
    description: 'An alert is an event when it begins to fire, and another one when it is resolved.',
    requestBody: { content: { 'application/json': { schema: {}, example: ALERTS } } },
    responses: {
      200: { description: 'Kafka has all of it.' },
      ...problemsOr(ownErrors(['text/plain'], [400, 503])),
    },
  }),
};

function withFurther(status: string, code: MdsErrorCode): Record<string, ApiResponse> {
  const known = problems[status];
  const description = known === undefined ? code : `${known.description}, ${code}`;
  const schema = { $ref: '#/components/schemas/Problem' } as object;
  return { [status]: { description, content: { [PROBLEM_CONTENT_TYPE]: { schema } } } };
}

/** @throws Error when a door is not described here, or a description has no door */
export function ingestDoor(): DoorPart {
  const paths = allDoors(readMappings(null), 1).map(({ path }) => path.replaceAll(/:(\w+)/g, '{$1}'));
  const unlike = [...paths, ...Object.keys(OPERATIONS)].filter(
    (path) => !paths.includes(path) || !(path in OPERATIONS),
  );
  if (unlike.length > 0)
    throw new Error(`docs/api-reference/ingest-door.ts and the doors differ in ${unlike.join(', ')}`);
  const url = `http://${LOOPBACK}:${portPlan({}, DEFAULT_PORT_BASE).ingest}`;
  return {
    door: 'ingest',
    server: { url, description: 'An ingest door' },
    tags: [{ name: 'ingest', description: 'Events in, each written once' }],
    paths: OPERATIONS,
  };
}
