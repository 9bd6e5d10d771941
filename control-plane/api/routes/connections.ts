// /v1/connections: who is connected to the edges, and closing a connection. An admin sees its own tenant's, an operator all.

import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { ADMIN } from '../../../platform/http-door/access.ts';
import {
  ConnectionPage,
  ConnectionQuery,
  Disconnected,
  DisconnectQuery,
  DisconnectRequest,
  ShownConnection,
} from '../../../schemas/api/connection.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { ConnectionDirectory, Wanted } from '../../connections/connection-directory.ts';
import { placeOf } from '../../connections/connection-directory.ts';
import { type App, problemsOf } from '../app.ts';
import { tenantSeenBy } from '../management.ts';
import { decodePageToken, encodePageToken } from '../page-token.ts';

const tags = ['connections'];
const DEFAULT_LIMIT = 50;
const ByPlace = Type.Object({
  edgeId: Type.String({ minLength: 1, maxLength: 300 }),
  number: Type.Integer({ minimum: 0 }),
});

export function connectionRoutes(app: App, directory: ConnectionDirectory): void {
  app.get(
    '/v1/connections',
    {
      config: { access: ADMIN },
      schema: {
        tags,
        summary: 'List client connections of all edges, in order of edges and numbers',
        description:
          'An admin sees those of its own tenant. What an edge did not tell in time is named in `missingEdges`.',
        querystring: ConnectionQuery,
        response: {
          200: ConnectionPage,
          ...problemsOf('MDS_PAGE_TOKEN_INVALID', 'MDS_FORBIDDEN', 'MDS_EDGES_BUSY'),
        },
      },
    },
    async (request) => {
      const { limit = DEFAULT_LIMIT, pageToken, ...asked } = request.query;
      const { tenant } = request.identity;
      const after = pageToken === undefined ? null : placeOf(decodePageToken('connections', tenant, pageToken));
      if (pageToken !== undefined && after === null) throw new MdsError('MDS_PAGE_TOKEN_INVALID');
      const { items, next, missingEdges } = await directory.list(wantedBy(request, asked), after, limit);
      const nextPageToken = next === null ? null : encodePageToken(tenant, { list: 'connections', after: next });
      return { items: [...items], nextPageToken, missingEdges: [...missingEdges] };
    },
  );

  app.get(
    '/v1/connections/:edgeId/:number',
    {
      config: { access: ADMIN },
      schema: {
        tags,
        summary: 'Inspect a connection: its identity, subscriptions, unread bytes, deliveries and latency',
        description: 'The path is /v1/connections/ and the id of the connection, which is its edge and its number.',
        params: ByPlace,
        response: { 200: ShownConnection, ...problemsOf('MDS_NOT_FOUND', 'MDS_FORBIDDEN', 'MDS_EDGES_BUSY') },
      },
    },
    (request) => directory.show(request.params, tenantSeenBy(request)),
  );

  app.delete(
    '/v1/connections/:edgeId/:number',
    {
      config: { access: ADMIN, audit: { action: 'disconnect', kind: 'connection' } },
      schema: {
        tags,
        summary: 'Disconnect a client; it may come back and resume, unless it is told not to',
        params: ByPlace,
        querystring: DisconnectQuery,
        response: {
          204: Type.Null({ description: 'It is closed.' }),
          ...problemsOf('MDS_NOT_FOUND', 'MDS_FORBIDDEN', 'MDS_EDGES_BUSY'),
        },
      },
    },
    async (request, reply) => {
      request.change.id = `${request.params.edgeId}/${request.params.number}`;
      await directory.disconnect(request.params, tenantSeenBy(request), request.query.resume ?? true);
      return reply.code(204).send(null);
    },
  );

  app.post(
    '/v1/connections/disconnect',
    {
      config: { access: ADMIN, audit: { action: 'disconnect many', kind: 'connection' } },
      schema: {
        tags,
        summary: 'Disconnect all clients that a filter finds, on all edges',
        body: DisconnectRequest,
        response: { 200: Disconnected, ...problemsOf('MDS_FORBIDDEN', 'MDS_EDGES_BUSY') },
      },
    },
    async (request) => {
      const { filter, resume = true } = request.body;
      const done = await directory.disconnectAll(wantedBy(request, filter), resume);
      request.change.after = { filter, resume, disconnected: done.disconnected };
      return done;
    },
  );
}

/** An admin that asks for another tenant finds nothing, as if that tenant had no connections. */
function wantedBy(request: FastifyRequest, asked: Wanted): Wanted {
  const own = tenantSeenBy(request);
  if (own === null) return asked;
  if (asked.tenant === undefined || asked.tenant === own) return { ...asked, tenant: own };
  return { ...asked, edge: '' };
}
