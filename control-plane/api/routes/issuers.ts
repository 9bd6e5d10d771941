// /v1/issuers and /v1/revocations: whose tokens are taken, and which of them are not any more.

import { Type } from 'typebox';
import { OPERATOR } from '../../../platform/http-door/access.ts';
import {
  Issuer,
  IssuerChange,
  IssuerPage,
  NewIssuer,
  NewRevocation,
  Revocation,
  RevocationPage,
} from '../../../schemas/api/identity.ts';
import { DEFAULT_PAGE_LIMIT, PageQuery } from '../../../schemas/api/paging.ts';
import { type IssuerService, shownIssuer, shownRevocation } from '../../identity/issuer-service.ts';
import { listIssuers } from '../../store/issuers.ts';
import type { Queryable } from '../../store/queryable.ts';
import { listRevocations } from '../../store/token-revocations.ts';
import { type App, problemsOf } from '../app.ts';
import { decodePageToken, pageFrom } from '../page-token.ts';

const tags = ['identities'];
const ById = Type.Object({ id: Type.String({ minLength: 1, maxLength: 200 }) });
const FILTER_CODES = ['MDS_FILTER_SYNTAX', 'MDS_FILTER_TOO_LONG', 'MDS_FILTER_TOO_DEEP'] as const;

export function issuerRoutes(app: App, db: Queryable, issuers: IssuerService): void {
  app.get(
    '/v1/issuers',
    {
      config: { access: OPERATOR },
      schema: {
        tags,
        summary: 'List issuers of tokens, oldest first (operators)',
        querystring: PageQuery,
        response: { 200: IssuerPage, ...problemsOf('MDS_FORBIDDEN', 'MDS_PAGE_TOKEN_INVALID') },
      },
    },
    async ({ identity: { tenant }, query: { limit = DEFAULT_PAGE_LIMIT, pageToken } }) => {
      const after = pageToken === undefined ? 0 : decodePageToken('issuers', tenant, pageToken);
      const rows = await listIssuers(db, after, limit + 1);
      return pageFrom(tenant, rows, limit, shownIssuer, ({ sequence }) => ({ list: 'issuers', after: sequence }));
    },
  );

  app.post(
    '/v1/issuers',
    {
      config: { access: OPERATOR, audit: { action: 'create', kind: 'issuer' } },
      schema: {
        tags,
        summary: 'Take the tokens of an issuer from now on (operators)',
        body: NewIssuer,
        response: { 201: Issuer, ...problemsOf('MDS_FORBIDDEN', 'MDS_ALREADY_EXISTS', ...FILTER_CODES) },
      },
    },
    async ({ body, change }, reply) => reply.code(201).send(await issuers.create(body, change)),
  );

  app.get(
    '/v1/issuers/:id',
    {
      config: { access: OPERATOR },
      schema: {
        tags,
        summary: 'Read an issuer (operators)',
        params: ById,
        response: { 200: Issuer, ...problemsOf('MDS_FORBIDDEN', 'MDS_NOT_FOUND') },
      },
    },
    ({ params: { id } }) => issuers.read(id),
  );

  app.patch(
    '/v1/issuers/:id',
    {
      config: { access: OPERATOR, audit: { action: 'change', kind: 'issuer', id: { param: 'id' } } },
      schema: {
        tags,
        summary: 'Change what tokens of an issuer must be and may do (operators)',
        description: 'Whoever came with a token is cut when it would not be taken any more, or gets the new grants.',
        params: ById,
        body: IssuerChange,
        response: { 200: Issuer, ...problemsOf('MDS_FORBIDDEN', 'MDS_NOT_FOUND', ...FILTER_CODES) },
      },
    },
    ({ params: { id }, body, change }) => issuers.change(id, body, change),
  );

  app.delete(
    '/v1/issuers/:id',
    {
      config: { access: OPERATOR, audit: { action: 'delete', kind: 'issuer', id: { param: 'id' } } },
      schema: {
        tags,
        summary: 'Take no tokens of an issuer any more (operators)',
        params: ById,
        response: {
          204: Type.Null({ description: 'Connections made with its tokens are cut within 5 s.' }),
          ...problemsOf('MDS_FORBIDDEN', 'MDS_NOT_FOUND'),
        },
      },
    },
    async ({ params: { id }, change }, reply) => {
      await issuers.delete(id, change);
      return reply.code(204).send(null);
    },
  );
  revocationRoutes(app, db, issuers);
}

function revocationRoutes(app: App, db: Queryable, issuers: IssuerService): void {
  app.get(
    '/v1/revocations',
    {
      config: { access: OPERATOR },
      schema: {
        tags,
        summary: 'List revocations of tokens, oldest first (operators)',
        querystring: PageQuery,
        response: { 200: RevocationPage, ...problemsOf('MDS_FORBIDDEN', 'MDS_PAGE_TOKEN_INVALID') },
      },
    },
    async ({ identity: { tenant }, query: { limit = DEFAULT_PAGE_LIMIT, pageToken } }) => {
      const after = pageToken === undefined ? 0 : decodePageToken('revocations', tenant, pageToken);
      const rows = await listRevocations(db, after, limit + 1);
      return pageFrom(tenant, rows, limit, shownRevocation, ({ sequence }) => ({
        list: 'revocations',
        after: sequence,
      }));
    },
  );

  app.post(
    '/v1/revocations',
    {
      config: { access: OPERATOR, audit: { action: 'create', kind: 'revocation' } },
      schema: {
        tags,
        summary: 'Revoke a token by its jti, or all tokens of a subject up to a time (operators)',
        description: 'In effect everywhere within 5 s, for connections that are open too. It cannot be taken back.',
        body: NewRevocation,
        response: { 201: Revocation, ...problemsOf('MDS_FORBIDDEN', 'MDS_TOO_MANY_REVOCATIONS') },
      },
    },
    async ({ body, change }, reply) => reply.code(201).send(await issuers.revoke(body, change)),
  );
}
