// /v1/keys and /v1/whoami: API keys, and who the caller is.

import { Type } from 'typebox';
import { ADMIN, ANYBODY } from '../../../platform/http-door/access.ts';
import { FILTER_CODES } from '../../../platform/rest-app.ts';
import {
  Key,
  KeyChange,
  KeyPage,
  KeyRotation,
  KeyWithCredential,
  NewKey,
  WhoAmI,
} from '../../../schemas/api/identity.ts';
import { DEFAULT_PAGE_LIMIT, PageQuery } from '../../../schemas/api/paging.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import type { KeyService } from '../../identity/key-service.ts';
import { type App, problemsOf } from '../app.ts';
import { decodePageToken, pageFrom } from '../page-token.ts';

const tags = ['identities'];
const ById = Type.Object({ id: Type.String({ minLength: 1, maxLength: 200, description: 'Its id, without mds_.' }) });
const OfTenant = {
  tenant: Type.Optional(
    Type.String({ minLength: 1, maxLength: 48, description: 'For operators; default: the own one.' }),
  ),
};
const TenantQuery = Type.Object(OfTenant, { additionalProperties: false });
const ListQuery = Type.Object({ ...PageQuery.properties, ...OfTenant }, { additionalProperties: false });

export function keyRoutes(app: App, keys: KeyService): void {
  app.get(
    '/v1/whoami',
    {
      config: { access: ANYBODY('itself') },
      schema: { tags, summary: 'Who the caller is and may do', response: { 200: WhoAmI, ...problemsOf() } },
    },
    async ({ identity }) => shownIdentity(identity),
  );

  app.get(
    '/v1/keys',
    {
      config: { access: ADMIN },
      schema: {
        tags,
        summary: 'List the API keys of the tenant, oldest first, revoked ones too',
        querystring: ListQuery,
        response: { 200: KeyPage, ...problemsOf('MDS_FORBIDDEN', 'MDS_NOT_FOUND', 'MDS_PAGE_TOKEN_INVALID') },
      },
    },
    async ({ identity, query: { limit = DEFAULT_PAGE_LIMIT, pageToken, tenant } }) => {
      const after = pageToken === undefined ? 0 : decodePageToken('keys', identity.tenant, pageToken);
      const rows = await keys.list(identity, tenant, after, limit + 1);
      return pageFrom(
        identity.tenant,
        rows,
        limit,
        (row) => keys.shown(row),
        ({ sequence }) => ({ list: 'keys', after: sequence }),
      );
    },
  );

  app.post(
    '/v1/keys',
    {
      config: { access: ADMIN, audit: { action: 'create', kind: 'key' } },
      schema: {
        tags,
        summary: 'Create an API key',
        description:
          'The answer has the whole key, this once: it is not stored. Filters of grants are checked against the topics that are there.',
        body: NewKey,
        response: {
          201: KeyWithCredential,
          ...problemsOf('MDS_FORBIDDEN', 'MDS_NOT_FOUND', 'MDS_AUTH_IS_OFF', ...FILTER_CODES),
        },
      },
    },
    async ({ identity, body, change }, reply) => {
      change.tenant = body.tenant ?? identity.tenant;
      reply.header('cache-control', 'no-store');
      return reply.code(201).send(await keys.create(identity, body, change));
    },
  );

  app.get(
    '/v1/keys/:id',
    {
      config: { access: ADMIN },
      schema: {
        tags,
        summary: 'Read an API key: all but its secret',
        params: ById,
        querystring: TenantQuery,
        response: { 200: Key, ...problemsOf('MDS_FORBIDDEN', 'MDS_NOT_FOUND') },
      },
    },
    ({ identity, params: { id }, query: { tenant } }) => keys.read(identity, tenant, id),
  );

  app.patch(
    '/v1/keys/:id',
    {
      config: { access: ADMIN, audit: { action: 'change', kind: 'key', id: { param: 'id' } } },
      schema: {
        tags,
        summary: 'Change what an API key may do; in effect everywhere within 5 s, for connections that are open too',
        params: ById,
        querystring: TenantQuery,
        body: KeyChange,
        response: { 200: Key, ...problemsOf('MDS_FORBIDDEN', 'MDS_NOT_FOUND', ...FILTER_CODES) },
      },
    },
    ({ identity, params: { id }, query: { tenant }, body, change }) => {
      change.tenant = tenant ?? identity.tenant;
      return keys.change(identity, tenant, id, body, change);
    },
  );

  app.post(
    '/v1/keys/:id/rotate',
    {
      config: { access: ADMIN, audit: { action: 'rotate', kind: 'key', id: { param: 'id' } } },
      schema: {
        tags,
        summary: 'Give an API key a new secret; the one until now stays valid for the overlap',
        params: ById,
        querystring: TenantQuery,
        body: KeyRotation,
        response: { 200: KeyWithCredential, ...problemsOf('MDS_FORBIDDEN', 'MDS_NOT_FOUND', 'MDS_AUTH_IS_OFF') },
      },
    },
    async ({ identity, params: { id }, query: { tenant }, body, change }, reply) => {
      change.tenant = tenant ?? identity.tenant;
      reply.header('cache-control', 'no-store');
      return keys.rotate(identity, tenant, id, body, change);
    },
  );

  app.delete(
    '/v1/keys/:id',
    {
      config: { access: ADMIN, audit: { action: 'revoke', kind: 'key', id: { param: 'id' } } },
      schema: {
        tags,
        summary: 'Revoke an API key for good; connections made with it are cut within 5 s',
        params: ById,
        querystring: TenantQuery,
        response: {
          204: Type.Null({ description: 'It is not valid any more.' }),
          ...problemsOf('MDS_FORBIDDEN', 'MDS_NOT_FOUND'),
        },
      },
    },
    async ({ identity, params: { id }, query: { tenant }, change }, reply) => {
      change.tenant = tenant ?? identity.tenant;
      await keys.revoke(identity, tenant, id, change);
      return reply.code(204).send(null);
    },
  );
}

/** Filters of grants are not shown: they are not for those that they bind. */
function shownIdentity({ tenant, subject, kind, roles, grants, expiresAtMs }: Identity): WhoAmI {
  return {
    tenant,
    subject,
    kind,
    roles: [...roles],
    grants: grants.map(({ actions, topics, filter = '' }) => ({
      actions: [...actions],
      topics: [...topics],
      isFiltered: filter.trim() !== '',
    })),
    expiresAt: expiresAtMs === null ? null : new Date(expiresAtMs).toISOString(),
  };
}
