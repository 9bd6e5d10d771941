// The edge's operations over HTTP. Its requests are read by readers of its own and not by schemas of routes, so they are
// described here, each parameter that there is: one without a description is an error.

import { DEFAULT_PORT_BASE, LOOPBACK, portPlan } from '../../deploy/local/port-plan.ts';
import type { ApiOperation, ApiParameter, ApiResponse } from '../../platform/openapi/complete-document.ts';
import type { DoorPart } from '../../platform/openapi/doors.ts';
import { problemResponses } from '../../platform/rest-app.ts';
import { TopicName } from '../../schemas/api/topic.ts';
import type { MdsErrorCode } from '../../schemas/errors.ts';
import { EVENTS_PARAMETERS } from '../../workers/edge/http/events-request.ts';
import { moveMessage, streamMessage } from '../../workers/edge/http/stream-message.ts';

const EVENTS_CODES: readonly MdsErrorCode[] = [
  'MDS_REQUEST_INVALID',
  'MDS_TOKEN_CORRUPT',
  'MDS_TOKEN_WRONG_TOPIC',
  'MDS_UNAUTHENTICATED',
  'MDS_FORBIDDEN',
  'MDS_ORIGIN_REFUSED',
  'MDS_TOPIC_UNKNOWN',
  'MDS_NOT_ACCEPTABLE',
  'MDS_URL_TOO_LONG',
  'MDS_FILTER_SYNTAX',
  'MDS_FILTER_TYPE',
  'MDS_FILTER_UNKNOWN_FIELD',
  'MDS_QUOTA_EXCEEDED',
  'MDS_RATE_LIMITED',
  'MDS_INTERNAL',
  'MDS_DEPENDENCY_UNAVAILABLE',
  'MDS_SHUTTING_DOWN',
  'MDS_TOO_MANY_CONNECTIONS',
  'MDS_TOPIC_BEHIND',
  'MDS_JOIN_TIMEOUT',
];
const TICKET_CODES: readonly MdsErrorCode[] = [
  'MDS_UNAUTHENTICATED',
  'MDS_ORIGIN_REFUSED',
  'MDS_RATE_LIMITED',
  'MDS_INTERNAL',
  'MDS_DEPENDENCY_UNAVAILABLE',
];
const TEXT = { type: 'string' };
const TOKEN = 'AQcCAAsA0xDhyw';
const EVENT = { cursor: [0, 17, 0], event: { host: 'web-1', name: 'cpu.usage', value: 93.5 } };
const STREAM = [
  'retry: 812\n\n',
  streamMessage(
    'subscribed',
    { topic: 'host.metrics', filter: 'value > 90.0', partitions: 1, replaying: false },
    TOKEN,
  ),
  streamMessage('message', EVENT, 'AQcCAAwAl1ZjYg'),
  moveMessage('AQcCAA8AvbJHKQ'),
].join('');
const GAP = {
  partition: 0,
  from: [17, 0],
  to: [40, 0],
  code: 'MDS_REPLAY_EXPIRED',
  message: 'Kafka no longer holds this range.',
};

/** What each parameter of the query means, and an example. */
const MEANINGS: Readonly<Record<string, readonly [meaning: string, example: unknown]>> = {
  filter: ['CEL, percent-encoded. None: every event.', 'value > 90.0'],
  fields: ['Only these fields, with commas between.', 'host,value'],
  overflow: ['What happens when the reader does not keep up: `resume` (default), `latest` or `drop`.', 'latest'],
  key: ['Of `latest`: the fields that make two events the same thing.', 'host,name'],
  maxRate: ['Of `latest` and `drop`: events a second at most.', '20'],
  from: ['Where to begin without an id: `now` (default), `earliest`, or a resume token.', 'earliest'],
  ticket: ['One of `POST /v1/tickets`, for a page that cannot set headers.', 'q8w2Zt0nVd3mYk5sXb7cRf9hLj1pGu4e'],
  lastEventId: ['An event stream alone: where to go on, for a reader that cannot set the header.', TOKEN],
  after: ['A long poll alone: `next` of the answer before.', TOKEN],
  wait: ['A long poll alone: how long to wait for an event, 60s at most; 25s.', '25s'],
  max: ['A long poll alone: events of one answer, 10,000 at most; 500.', '500'],
};

// Problem responses with the reference as it stands in a whole document.
const problems = (codes: readonly MdsErrorCode[]): Record<string, ApiResponse> =>
  JSON.parse(JSON.stringify(problemResponses(codes)).replaceAll('"Problem#"', '"#/components/schemas/Problem"')); // the same, plain

function eventsParameters(): readonly ApiParameter[] {
  const names = [...new Set([...EVENTS_PARAMETERS.stream, ...EVENTS_PARAMETERS.poll])];
  const unlike = [...names, ...Object.keys(MEANINGS)].filter((name) => !names.includes(name) || !(name in MEANINGS));
  if (unlike.length > 0) {
    throw new Error(`docs/api-reference/edge-door.ts and the edge differ in ${unlike.join(', ')}`);
  }
  return [
    { name: 'topic', in: 'path', required: true, schema: TopicName },
    {
      ...{ name: 'last-event-id', in: 'header', schema: TEXT, example: TOKEN },
      description:
        'An event stream alone: goes on exactly behind the message with this id. Browsers send it by themselves.',
    },
    ...names.map((name): ApiParameter => {
      const [description = '', example] = MEANINGS[name] ?? [];
      return { name, in: 'query', description, schema: TEXT, example };
    }),
  ];
}

const events = (): ApiOperation => ({
  tags: ['events'],
  summary: 'Read events, as an event stream or by long poll',
  description:
    'As `Accept` says: `text/event-stream` (the default) or `application/json`. docs/http-streams.md has the messages, what to do when a stream ends, and examples.',
  parameters: eventsParameters(),
  responses: {
    200: {
      description: 'Events as they come, each with the id that resumes behind it; or those of one poll.',
      content: {
        'text/event-stream': { schema: TEXT, example: STREAM },
        'application/json': {
          schema: {},
          example: { events: [EVENT], next: 'AQcCAAwAl1ZjYg', gaps: [GAP], sheds: [], more: false },
        },
      },
    },
    ...problems(EVENTS_CODES),
  },
});

const tickets = (): ApiOperation => ({
  tags: ['events'],
  summary: 'Make a ticket for one request of a page that cannot set headers',
  description: 'Good once, for 30 s, at every edge, in place of the credential of whoever made it.',
  responses: {
    201: {
      description: 'The ticket.',
      content: {
        'application/json': {
          schema: {},
          example: { ticket: 'q8w2Zt0nVd3mYk5sXb7cRf9hLj1pGu4e', expiresAt: '2026-01-31T12:00:30.000Z' },
        },
      },
    },
    ...problems(TICKET_CODES),
  },
});

/** @throws Error when a parameter is not described here, or a description has no parameter */
export function edgeDoor(): DoorPart {
  const url = `http://${LOOPBACK}:${portPlan({}, DEFAULT_PORT_BASE).edge}`;
  return {
    door: 'edge',
    server: { url, description: 'An edge' },
    tags: [{ name: 'events', description: 'Events out, over HTTP' }],
    paths: { '/v1/topics/{topic}/events': { get: events() }, '/v1/tickets': { post: tickets() } },
  };
}
