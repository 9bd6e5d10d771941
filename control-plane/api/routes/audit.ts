// /v1/audit: who did what, page by page or as one export.

import { Readable } from 'node:stream';
import { ADMIN } from '../../../platform/http-door/access.ts';
import { type AuditEntry, type AuditFilter, AuditPage, AuditQuery } from '../../../schemas/api/audit.ts';
import { DEFAULT_PAGE_LIMIT } from '../../../schemas/api/paging.ts';
import { MdsError } from '../../../schemas/errors.ts';
import { type Identity, isOperator } from '../../../schemas/identity/identity.ts';
import { type AuditRow, listAuditRows } from '../../store/audit-log.ts';
import type { Queryable } from '../../store/queryable.ts';
import { withStoredTimes } from '../../store/stored-times.ts';
import { type App, problemsOf } from '../app.ts';
import { decodePageToken, pageFrom } from '../page-token.ts';

const NDJSON = 'application/x-ndjson';
/** Rows of an export that are asked for at once: some hundred KB. */
const EXPORT_ROWS = 500;

export function auditRoutes(app: App, db: Queryable): void {
  app.get(
    '/v1/audit',
    {
      config: { access: ADMIN },
      schema: {
        tags: ['audit'],
        summary: 'Who did what to which resource, newest first',
        description: `With \`Accept: ${NDJSON}\` all entries of the filter come as one stream, one in each line, in place of a page.`,
        querystring: AuditQuery,
        response: { 200: AuditPage, ...problemsOf('MDS_PAGE_TOKEN_INVALID') },
      },
    },
    async ({ identity, headers, query }, reply) => {
      const { limit = DEFAULT_PAGE_LIMIT, pageToken, tenant: asked, ...wish } = query;
      const tenant = tenantFor(identity, asked);
      const filter = withStoredTimes(wish, 'querystring/');
      const before = pageToken === undefined ? Number.MAX_SAFE_INTEGER : decodePageToken('audit', tenant, pageToken);
      if (headers.accept?.includes(NDJSON)) {
        const lines = Readable.from(exported(db, tenant, filter, before));
        return reply.type(NDJSON).send(lines as never); // a stream goes past the schema of the page
      }
      const rows = await listAuditRows(db, tenant, filter, before, limit + 1);
      return pageFrom(tenant, rows, limit, shown, ({ sequence }) => ({ list: 'audit', after: sequence }));
    },
  );
}

/** Another tenant's log is there for operators; others get their own, whatever they ask for. */
function tenantFor(identity: Identity, asked: string | undefined): string {
  if (asked === undefined || asked === identity.tenant) return identity.tenant;
  if (!isOperator(identity))
    throw new MdsError('MDS_FORBIDDEN', { action: 'read the audit log of', topic: 'another tenant' });
  return asked;
}

async function* exported(
  db: Queryable,
  tenant: string,
  filter: Omit<AuditFilter, 'tenant'>,
  beforeSequence: number,
): AsyncGenerator<string> {
  for (let before = beforeSequence; ; ) {
    const rows = await listAuditRows(db, tenant, filter, before, EXPORT_ROWS);
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows.map((row) => `${JSON.stringify(shown(row))}\n`).join('');
    before = last.sequence;
  }
}

const shown = ({ at, ...row }: AuditRow): AuditEntry => ({ ...row, at: at.toISOString() });
