// /v1/tenants: who shares this installation, and how much of it each may use.

import { Type } from 'typebox';
import { FOUND, OPERATOR } from '../../../platform/http-door/access.ts';
import { NewTenant, Tenant, TenantChange, TenantPage } from '../../../schemas/api/identity.ts';
import { DEFAULT_PAGE_LIMIT, PageQuery } from '../../../schemas/api/paging.ts';
import { MdsError } from '../../../schemas/errors.ts';
import { type Identity, isAdmin, isOperator } from '../../../schemas/identity/identity.ts';
import { quotasOf } from '../../identity/directory-entries.ts';
import type { Queryable } from '../../store/queryable.ts';
import {
  changeTenant,
  deleteTenant,
  findTenant,
  insertTenant,
  listTenants,
  type TenantRow,
} from '../../store/tenants.ts';
import { type App, problemsOf } from '../app.ts';
import { decodePageToken, pageFrom } from '../page-token.ts';

const tags = ['identities'];
const ById = Type.Object({ id: Type.String({ minLength: 1, maxLength: 200 }) });

export interface TenantRouteParts {
  readonly db: Queryable;
  /** Resolves when every process can know of a change. */
  readonly publish: () => Promise<void>;
}

export function tenantRoutes(app: App, parts: TenantRouteParts): void {
  const { db, publish } = parts;
  app.get(
    '/v1/tenants',
    {
      config: { access: OPERATOR },
      schema: {
        tags,
        summary: 'List tenants, by id (operators)',
        querystring: PageQuery,
        response: { 200: TenantPage, ...problemsOf('MDS_FORBIDDEN', 'MDS_PAGE_TOKEN_INVALID') },
      },
    },
    async ({ identity, query: { limit = DEFAULT_PAGE_LIMIT, pageToken } }) => {
      const after = pageToken === undefined ? '' : decodePageToken('tenants', identity.tenant, pageToken);
      const rows = await listTenants(db, after, limit + 1);
      return pageFrom(identity.tenant, rows, limit, shown, ({ tenantId }) => ({ list: 'tenants', after: tenantId }));
    },
  );

  app.post(
    '/v1/tenants',
    {
      config: { access: OPERATOR, audit: { action: 'create', kind: 'tenant', id: { body: 'id' } } },
      schema: {
        tags,
        summary: 'Create a tenant (operators)',
        body: NewTenant,
        response: { 201: Tenant, ...problemsOf('MDS_FORBIDDEN', 'MDS_ALREADY_EXISTS') },
      },
    },
    async ({ body: { id, quotas = {} }, change }, reply) => {
      change.tenant = id;
      const created = await change.commit(
        async (within) => {
          if (await insertTenant(within, id, quotas)) return shown(await found(within, id));
          throw new MdsError('MDS_ALREADY_EXISTS', { what: 'tenant', id });
        },
        (after) => ({ id, after }),
      );
      await publish();
      return reply.code(201).send(created);
    },
  );

  app.get(
    '/v1/tenants/:id',
    {
      config: { access: FOUND('role operator, or role admin of the tenant') },
      schema: {
        tags,
        summary: 'Read a tenant and its quotas (operators; admins their own)',
        params: ById,
        response: { 200: Tenant, ...problemsOf('MDS_FORBIDDEN', 'MDS_NOT_FOUND') },
      },
    },
    async ({ identity, params: { id } }) => {
      if (!isAdmin(identity)) throw new MdsError('MDS_FORBIDDEN', { action: 'administer', topic: 'the tenant' });
      if (!isOperator(identity) && identity.tenant !== id) throw notFound(id);
      return shown(await found(db, id));
    },
  );

  app.patch(
    '/v1/tenants/:id',
    {
      config: { access: OPERATOR, audit: { action: 'change', kind: 'tenant', id: { param: 'id' } } },
      schema: {
        tags,
        summary: 'Change quotas of a tenant, suspend it or let it in again (operators)',
        description: 'Quotas that are not named stay as they are; null takes a limit away.',
        params: ById,
        body: TenantChange,
        response: { 200: Tenant, ...problemsOf('MDS_FORBIDDEN', 'MDS_NOT_FOUND', 'MDS_OWN_TENANT') },
      },
    },
    async ({ identity, params: { id }, body, change }) => {
      if (body.state === 'suspended') refuseOwn(identity, id);
      const before = shown(await found(db, id));
      change.tenant = id;
      const changed = await change.commit(
        async (within) => {
          if (await changeTenant(within, id, body)) return shown(await found(within, id));
          throw notFound(id);
        },
        (after) => ({ id, before, after }),
      );
      await publish();
      return changed;
    },
  );

  app.delete(
    '/v1/tenants/:id',
    {
      config: { access: OPERATOR, audit: { action: 'delete', kind: 'tenant', id: { param: 'id' } } },
      schema: {
        tags,
        summary: 'Delete a tenant that has nothing left (operators)',
        params: ById,
        response: {
          204: Type.Null({ description: 'It is gone.' }),
          ...problemsOf('MDS_FORBIDDEN', 'MDS_NOT_FOUND', 'MDS_TENANT_NOT_EMPTY', 'MDS_OWN_TENANT'),
        },
      },
    },
    async ({ identity, params: { id }, change }, reply) => {
      refuseOwn(identity, id);
      const before = shown(await found(db, id));
      change.tenant = id;
      await change.commit(
        async (within) => {
          const outcome = await deleteTenant(within, id);
          if (outcome === 'busy') throw new MdsError('MDS_TENANT_NOT_EMPTY', { tenant: id });
          if (outcome === 'unknown') throw notFound(id);
        },
        () => ({ id, before }),
      );
      await publish();
      return reply.code(204).send(null);
    },
  );
}

const shown = (row: TenantRow): Tenant => ({
  id: row.tenantId,
  state: row.state,
  quotas: quotasOf(row),
  createdAt: row.createdAt.toISOString(),
});

async function found(db: Queryable, id: string): Promise<TenantRow> {
  const row = await findTenant(db, id);
  if (row === null) throw notFound(id);
  return row;
}

function refuseOwn({ tenant }: Identity, id: string): void {
  if (tenant === id) throw new MdsError('MDS_OWN_TENANT', { tenant });
}

const notFound = (id: string): MdsError => new MdsError('MDS_NOT_FOUND', { what: 'tenant', id });
