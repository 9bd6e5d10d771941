// Client connections as the REST API shows and closes them.

import { type Static, Type } from 'typebox';
import { ConnectionDetail, ConnectionSummary } from '../connection-control.ts';
import { PageQuery } from './paging.ts';

/** 200 of them are 100 KB from each edge. */
export const MAX_CONNECTION_PAGE = 200;

const Name = Type.String({ minLength: 1, maxLength: 300 });

const filter = {
  tenant: Type.Optional(
    Type.String({ minLength: 1, maxLength: 100, description: 'Only an operator sees others than their own.' }),
  ),
  subject: Type.Optional(Type.String({ ...Name, description: 'Such as key:4f2a90, or token:issuer#sub.' })),
  edge: Type.Optional(Type.String({ ...Name, description: 'Id of an edge.' })),
  topic: Type.Optional(Type.String({ ...Name, description: 'That have a subscription on this topic.' })),
  slow: Type.Optional(Type.Boolean({ description: 'Only those that have not read everything that was sent to them.' })),
};

export const ConnectionQuery = Type.Object(
  {
    ...filter,
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_CONNECTION_PAGE, default: 50 })),
    pageToken: PageQuery.properties.pageToken,
  },
  { additionalProperties: false },
);
export type ConnectionQuery = Static<typeof ConnectionQuery>;

const missingEdges = Type.Array(Type.String(), {
  description: 'Edges that run and did not answer in time: their connections are missing here.',
});

const AN_EXAMPLE = {
  id: 'edge-1-4f2a90/17',
  edgeId: 'edge-1-4f2a90',
  number: 17,
  tenant: 'default',
  subject: 'key:4f2a90c1',
  peer: '127.0.0.1',
  door: 'websocket',
  format: 'json',
  openedAtMs: 1_790_000_000_000,
  subscriptions: 1,
  topics: ['host.metrics'],
  bufferedBytes: 0,
  sentBytes: 81_920,
  deliveredEvents: 412,
  latencyMs: 6.5,
  worstBufferedBytes: 0,
  behindSinceMs: null,
};

export const ConnectionPage = Type.Object(
  {
    items: Type.Array(ConnectionSummary),
    nextPageToken: Type.Union([Type.String(), Type.Null()], { description: 'null on the last page.' }),
    missingEdges,
  },
  { examples: [{ items: [AN_EXAMPLE], nextPageToken: null, missingEdges: [] }] },
);
export type ConnectionPage = Static<typeof ConnectionPage>;

export const ShownConnection = Type.Object(ConnectionDetail.properties, {
  examples: [{ ...AN_EXAMPLE, droppedEvents: 0, conflatedEvents: 0, shown: [] }],
});
export type ShownConnection = Static<typeof ShownConnection>;

const resume = Type.Optional(
  Type.Boolean({
    default: true,
    description: 'True: it may come back and continue from its token (4010). False: it is told to stay away (4510).',
  }),
);

export const DisconnectQuery = Type.Object({ resume }, { additionalProperties: false });

export const DisconnectRequest = Type.Object(
  { filter: Type.Object(filter, { additionalProperties: false, minProperties: 1 }), resume },
  { additionalProperties: false, examples: [{ filter: { subject: 'key:4f2a90c1' }, resume: true }] },
);
export type DisconnectRequest = Static<typeof DisconnectRequest>;

export const Disconnected = Type.Object(
  { disconnected: Type.Integer({ minimum: 0 }), missingEdges },
  { examples: [{ disconnected: 3, missingEdges: [] }] },
);
export type Disconnected = Static<typeof Disconnected>;
