// A small stand-in for the whole service on one loopback port: the REST answers that client/ needs, and a WebSocket edge
// that replays from a log and goes live. For tests of the command and the page; the real service is in test/integration.

import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { type WebSocket, WebSocketServer } from 'ws';

import { CLOSE_CODES } from '../../schemas/close-codes.ts';
import { MdsError, type MdsErrorCode } from '../../schemas/errors.ts';
import { parseClientMessage } from '../../schemas/frame-reader.ts';
import type { ServerFrame, SubscribeMessage } from '../../schemas/frames.ts';
import { nearestName } from '../../schemas/nearest-name.ts';
import { decodeResumeToken, encodeResumeToken } from '../../schemas/resume-token.ts';

export const EVENT_SCHEMA = JSON.parse(
  await readFile(new URL('../../schemas/avro/events/MonitoringEvent.avsc', import.meta.url), 'utf8'),
);
const FIELDS: readonly string[] = EVENT_SCHEMA.fields.map(({ name }: { name: string }) => name);
const SYMBOLS = [
  'DEBUG',
  'INFO',
  'NOTICE',
  'WARNING',
  'ERROR',
  'CRITICAL',
  'METRIC',
  'ALERT',
  'LOG',
  'HEALTH',
  'CHANGE',
];
const TOPIC_ID = 3;
const MEDIA: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };

export interface TestService {
  readonly api: string;
  readonly edgeUrl: string;
  /** What was asked, newest last: "GET /v1/topics". */
  readonly requests: { readonly line: string; readonly body: unknown; readonly idempotencyKey: string | undefined }[];
  readonly subscribes: SubscribeMessage[];
  /** What everybody must show; null: authentication is off. */
  credential: string | null;
  /** Appends an event to the only partition and gives it to everyone who is live. */
  publish(data: unknown): void;
  sendToAll(frame: (subscriptionId: string) => ServerFrame): void;
  dropConnections(code?: number): void;
  close(): Promise<void>;
}

export const aTopic = (name: string) => ({
  topicId: TOPIC_ID,
  tenant: 'default',
  name,
  kafkaTopic: `default.${name}`,
  partitions: 1,
  retentionMs: 86_400_000,
  cleanupPolicy: 'delete',
  subject: `default.${name}-value`,
  schemaId: 1,
  batchSchemaId: 2,
  schema: EVENT_SCHEMA,
  createdAt: '2026-01-31T12:00:00Z',
});

/** @param pageDir the built page, served at / */
export async function startTestService(pageDir?: string): Promise<TestService> {
  const requests: TestService['requests'] = [];
  const subscribes: SubscribeMessage[] = [];
  const log: { readonly data: unknown; readonly atMs: number }[] = [];
  const live = new Map<WebSocket, Map<string, { live: boolean }>>();
  const server = createServer((request, response) => {
    void answer(request, response, {
      api: () => api,
      requests,
      pageDir: pageDir ?? null,
      needs: () => service.credential,
    });
  });
  const sockets = new WebSocketServer({ server, path: '/v1/stream', handleProtocols: () => 'mds.v1.json' });
  sockets.on('connection', (socket) => {
    socket.on('close', () => live.delete(socket));
    const send = (frame: ServerFrame): void => socket.send(JSON.stringify(frame));
    const limits = { subscriptions: 100, messageBytes: 65_536, messagesPerSecond: 100 };
    const welcome = (): void => {
      live.set(socket, new Map());
      send({ type: 'welcome', connection: 'c-1', edge: 'edge-test', heartbeatMs: 5000, limits });
    };
    if (service.credential === null) welcome();
    else send({ type: 'authenticate', withinMs: 5000 });
    socket.on('message', (bytes) => {
      const message = parseClientMessage(String(bytes));
      if (message.type === 'auth') {
        if (message.credential === service.credential) welcome();
        else socket.close(CLOSE_CODES.UNAUTHENTICATED);
      }
      if (message.type === 'ping') send({ type: 'pong' });
      if (message.type === 'unsubscribe') live.get(socket)?.delete(message.id);
      if (message.type !== 'subscribe') return;
      subscribes.push(message);
      const failure = refusalOf(message);
      if (failure) {
        send({
          type: 'error',
          id: message.id,
          code: failure.code,
          message: failure.message,
          retryable: false,
          details: failure.details,
        });
        return;
      }
      const from = message.resume ? (decodeResumeToken(message.resume).position.get(0)?.offset ?? -1) : log.length - 1;
      const position = encodeResumeToken({ topicId: TOPIC_ID, position: new Map([[0, { offset: from, index: 0 }]]) });
      const { id, topic, filter = '' } = message;
      const replaying = message.resume !== undefined;
      send({ type: 'subscribed', id, channel: CHANNEL, topic, filter, position, partitions: 1, replaying });
      live.get(socket)?.set(id, { live: true });
      if (!replaying) return;
      for (let offset = from + 1; offset < log.length; offset++) send(eventsFrame(log[offset], offset, id));
      send({ type: 'live', id });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // a TCP server's address
  const api = `http://127.0.0.1:${port}`;
  const service: TestService = {
    api,
    credential: null,
    edgeUrl: `ws://127.0.0.1:${port}/v1/stream`,
    requests,
    subscribes,
    publish(data) {
      log.push({ data, atMs: Date.now() });
      const frame = JSON.stringify(eventsFrame(log.at(-1), log.length - 1));
      for (const [socket, subscriptions] of live) if (subscriptions.size > 0) socket.send(frame);
    },
    sendToAll(frame) {
      for (const [socket, subscriptions] of live) {
        for (const id of subscriptions.keys()) socket.send(JSON.stringify(frame(id)));
      }
    },
    dropConnections(code) {
      for (const socket of live.keys()) code === undefined ? socket.terminate() : socket.close(code);
    },
    async close() {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return service;
}

const CHANNEL = 'c'.repeat(32);

function eventsFrame(event: { data: unknown; atMs: number } | undefined, offset: number, sub?: string): ServerFrame {
  return {
    type: 'events',
    channel: CHANNEL,
    ...(sub === undefined ? {} : { sub }),
    partition: 0,
    from: [offset - 1, 0],
    to: [offset, 0],
    times: [event?.atMs ?? 0, Date.now(), Date.now()],
    events: [{ at: [offset, 0], data: event?.data }],
  };
}

function refusalOf({ topic, filter = '' }: SubscribeMessage): MdsError | null {
  if (topic !== 'host.metrics')
    return new MdsError('MDS_TOPIC_UNKNOWN', { topic, hint: '; did you mean host.metrics?' });
  return checkFilter(filter);
}

/** Knows names only: the first word that is neither a field nor a symbol nor in quotes is wrong. */
function checkFilter(filter: string): MdsError | null {
  const words = filter.replace(/"[^"]*"/g, (quoted) => ' '.repeat(quoted.length)).matchAll(/[A-Za-z_]\w*/g);
  for (const { 0: word, index } of words) {
    if (FIELDS.includes(word) || SYMBOLS.includes(word) || word === 'startsWith') continue;
    const didYouMean = nearestName(word, FIELDS);
    const at = { offset: index, line: 1, column: index + 1, length: word.length };
    const hint = didYouMean ? `; did you mean ${didYouMean}?` : '';
    return new MdsError('MDS_FILTER_UNKNOWN_FIELD', { field: word, hint, at, ...(didYouMean ? { didYouMean } : {}) });
  }
  return null;
}

interface Answering {
  readonly api: () => string;
  readonly requests: TestService['requests'];
  readonly pageDir: string | null;
  readonly needs: () => string | null;
}

async function answer(request: IncomingMessage, response: ServerResponse, context: Answering): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  const body = text === '' ? undefined : JSON.parse(text);
  const line = `${request.method} ${request.url}`;
  const key = request.headers['idempotency-key'];
  context.requests.push({ line, body, idempotencyKey: typeof key === 'string' ? key : undefined });
  if (request.method === 'GET' && context.pageDir && !request.url?.startsWith('/v1')) {
    await serveFile(response, context.pageDir, request.url ?? '/');
    return;
  }
  const needs = context.needs();
  const isKnown = needs === null || request.headers.authorization === `Bearer ${needs}`;
  const [status, json] = isKnown ? route(line, body, context.api(), needs !== null) : UNAUTHENTICATED;
  response.writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' });
  response.end(json === undefined ? '' : JSON.stringify(json));
}

const UNAUTHENTICATED = [401, { code: 'MDS_UNAUTHENTICATED', detail: 'No.' }] as const;
const WHO = { tenant: 'acme', subject: 'key:1', roles: ['admin'], grants: [], expiresAt: null };

function route(
  line: string,
  body: Record<string, string> | undefined,
  api: string,
  isOn: boolean,
): readonly [number, unknown] {
  if (line.startsWith('GET /v1/subscriptions/on-call/ledger')) return [200, LEDGER];
  switch (line) {
    case 'GET /v1/edges': {
      const clientUrl = api.replace('http', 'ws');
      return [200, { items: [{ edgeId: 'edge-test', clientUrl, state: 'running', connections: 0 }] }];
    }
    case 'GET /v1/whoami':
      return [200, { ...WHO, kind: isOn ? 'key' : 'open' }];
    case 'GET /v1/topics':
      return [200, { items: [aTopic('host.metrics')], nextPageToken: 'second' }];
    case 'GET /v1/topics?pageToken=second':
      return [200, { items: [aTopic('shop.orders')], nextPageToken: null }];
    case 'GET /v1/topics/host.metrics':
      return [200, aTopic('host.metrics')];
    case 'POST /v1/topics':
      return body?.name === 'taken'
        ? problem('MDS_ALREADY_EXISTS', { what: 'topic', id: 'taken' })
        : [201, { ...aTopic('x'), ...body }];
    case 'DELETE /v1/topics/host.metrics':
    case 'DELETE /v1/subscriptions/sub-1':
      return [204, undefined];
    case 'POST /v1/filters/check':
      return [200, { ...verdictOf(body?.filter ?? ''), ...(body?.explain ? explained(body.filter ?? '') : {}) }];
    case 'GET /v1/subscriptions':
      return [
        200,
        {
          items: [aDurable({ name: 'on-call', topic: 'host.metrics', filter: 'severity >= ERROR' })],
          nextPageToken: null,
        },
      ];
    case 'GET /v1/subscriptions/on-call':
    case 'PATCH /v1/subscriptions/on-call':
    case 'POST /v1/subscriptions/on-call/pause':
    case 'POST /v1/subscriptions/on-call/resume':
    case 'POST /v1/subscriptions/on-call/seek':
      return [200, aDurable({ name: 'on-call', topic: 'host.metrics', live: LIVE })];
    case 'GET /v1/dead-letters?topic=host.metrics&limit=50':
      return [200, { items: [DEAD_LETTER], nextPageToken: null }];
    case 'GET /v1/dead-letters/dl-1':
      return [200, { ...DEAD_LETTER, original: { timestamp: '', key: null, value: 'AA==' }, ...DECODED }];
    case 'POST /v1/dead-letters/dl-1/redrive':
      return [200, { ...DEAD_LETTER, state: 'redriving' }];
    case 'DELETE /v1/dead-letters/dl-1':
      return [204, undefined];
    case 'POST /v1/dead-letters/purge':
      return [200, { purged: 3 }];
    case 'POST /v1/dead-letters/redrive':
      return [201, REDRIVE];
    case 'GET /v1/dead-letters/redrives/redrive-1':
      return [200, { ...REDRIVE, state: 'done', redriven: 6, failed: 1 }];
    case 'POST /v1/subscriptions':
      return [201, aDurable(body ?? {})];
    case 'GET /v1/status':
      return [200, STATUS];
    default:
      return problem('MDS_NOT_FOUND', { what: 'topic', id: line.split('/').at(-1) });
  }
}

const LIVE = {
  consumers: [{ consumer: 'c1', edgeId: 'edge-1', joinedAt: '2026-01-31T12:00:00Z', seenAt: '', shards: [0] }],
  activeConsumer: 'c1',
  inFlight: 3,
  lagRecords: 42,
  shards: [{ shard: 0, consumer: 'c1', edgeId: 'edge-1', epoch: 1, position: 'AQE', inFlight: 3, lagRecords: 42 }],
};

const COUNTS = {
  matched: 9,
  sent: 8,
  acknowledged: 7,
  redelivered: 6,
  negative: 5,
  deadLettered: 4,
  expired: 3,
  skipped: 2,
};
const LEDGER = {
  subscription: 'sub-1',
  from: '2026-01-31T12:00:00.000Z',
  to: '2026-01-31T13:00:00.000Z',
  items: [{ minute: '2026-01-31T12:34:00.000Z', ...COUNTS }],
  total: COUNTS,
  isCurrent: true,
};

const DEAD_LETTER = {
  id: 'dl-1',
  state: 'dead',
  topic: 'host.metrics',
  cursor: { partition: 2, offset: 7, index: 1 },
  subscription: { id: 'sub-1', name: 'on-call', shard: 0 },
  reason: 'MDS_EVENT_REFUSED',
  message: 'The consumer refused the event.',
  attempts: 5,
  consumer: 'c1',
  key: null,
  at: '2026-01-31T12:00:00.000Z',
  changedAt: '2026-01-31T12:00:00.000Z',
  redrives: 0,
};
const DECODED = { schemaId: 1, events: [{ host: 'web-1' }], problem: null };
const REDRIVE = {
  id: 'redrive-1',
  state: 'running',
  filter: {},
  ratePerSecond: 100,
  total: 7,
  redriven: 0,
  failed: 0,
  createdAt: '2026-01-31T12:00:00Z',
  updatedAt: '2026-01-31T12:00:00Z',
};

const aDurable = (body: object) => ({
  id: 'sub-1',
  filter: '',
  fields: null,
  state: 'active',
  ackTimeoutMs: 30_000,
  backoffBaseMs: 1000,
  backoffMaxMs: 300_000,
  maxAttempts: 5,
  maxInFlight: 1000,
  group: null,
  createdAt: '2026-01-31T12:00:00Z',
  live: null,
  ...body,
});

function verdictOf(filter: string): object {
  const error = checkFilter(filter);
  if (error) return { valid: false, error: { code: error.code, message: error.message, ...error.details } };
  const fieldsRead = FIELDS.filter((field) => filter.includes(field));
  // One channel for each filter, as far as this test needs it.
  const channel = Buffer.from(filter.padEnd(16)).toString('hex').slice(0, 32);
  return { valid: true, canonical: filter, fieldsRead, cost: filter.length, channel };
}

/** A filter with `message` in it is scanned; one with `host` finds no worker. */
function explained(filter: string): object {
  if (filter.includes('host')) {
    const { code, message } = new MdsError('MDS_EXPLAIN_NO_WORKER');
    return { explanation: null, otherWriters: [], measured: null, reason: { code, message } };
  }
  const isScanned = filter.includes('message');
  return {
    explanation: {
      found: isScanned ? 'scan' : 'index',
      by: [],
      residual: [],
      unindexed: [],
      schemaIds: [1],
      sentences: isScanned
        ? ['Tested on every event: no index leads to all that may match.']
        : ['Found by a range of value.'],
    },
    otherWriters: [],
    measured: {
      events: 10_000,
      matched: 412,
      matchRate: 0.0412,
      tested: isScanned ? 10_000 : 988,
      costMsPerMillion: 14.2,
      outputMsPerMillion: 5.25,
      walkMsPerMillion: 96.1,
      eventsPerSecond: 8_655_000,
      from: '2026-01-31T12:00:00.000Z',
      to: '2026-01-31T12:00:20.000Z',
      endedBy: 'topic',
      rejectedRecords: isScanned ? 3 : 0,
    },
    reason: null,
  };
}

function problem(code: MdsErrorCode, details: Record<string, unknown>): readonly [number, unknown] {
  const { status, message, retryable } = new MdsError(code, details);
  return [status, { type: `urn:mds:${code}`, title: code, status, detail: message, code, retryable, ...details }];
}

async function serveFile(response: ServerResponse, dir: string, path: string): Promise<void> {
  const file = path === '/' ? 'index.html' : path.slice(1);
  try {
    const bytes = await readFile(join(dir, file));
    response.writeHead(200, { 'content-type': MEDIA[extname(file)] ?? 'application/octet-stream' }).end(bytes);
  } catch {
    response.writeHead(404).end();
  }
}

const NOW = { host: 'h', pid: 1, httpUrl: 'http://127.0.0.1:1', startedAtMs: 1, state: 'running' } as const;
const STATUS = {
  version: '0.1.0',
  leader: { id: 'cp-1' },
  workers: [
    {
      ...NOW,
      workerId: 'worker-1',
      assignmentRevision: 1,
      owned: [{ topicId: 3, partition: 0, epoch: 2, nextOffset: 10, lagRecords: 4 }],
      eventsInPerSecond: 20_000,
      recordsInPerSecond: 40,
      bytesInPerSecond: 1,
      rejectedRecords: 0,
      kernelBusyRatio: 0.25,
    },
  ],
  edges: [
    {
      ...NOW,
      edgeId: 'edge-test',
      clientUrl: 'ws://127.0.0.1:1',
      connections: 2,
      subscriptions: 3,
      channels: 1,
      deliveriesPerSecond: 5.25,
      framesPerSecond: 1,
      latencyP50Ms: 3.2,
      latencyP99Ms: null,
    },
  ],
  topics: [
    {
      topicId: 3,
      name: 'host.metrics',
      tenant: 'default',
      partitions: [
        { partition: 0, workerId: 'worker-1', epoch: 2, nextOffset: 10, lagRecords: 4 },
        { partition: 1, workerId: null, epoch: 0, nextOffset: null, lagRecords: null },
      ],
    },
  ],
  totals: {
    eventsInPerSecond: 20_000,
    deliveriesPerSecond: 5.25,
    latencyP50Ms: 3.2,
    latencyP99Ms: null,
    connections: 2,
    subscriptions: 3,
    lagRecords: 4,
  },
  reliability: {
    windowMinutes: 60,
    target: 0.9999,
    ranges: 4,
    exactRanges: 4,
    expectedEvents: 1000,
    deliveredEvents: 1000,
    missingEvents: 0,
    unexpectedEvents: 0,
    unjudgedRanges: 0,
    deliveryRatio: 1,
    score: 1,
    isMet: true,
  },
  problems: ['1 partitions have no owner.'],
};
