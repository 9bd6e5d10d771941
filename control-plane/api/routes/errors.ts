// /v1/errors: what went wrong lately, over the whole fleet.

import { ADMIN } from '../../../platform/http-door/access.ts';
import { ErrorQuery, ErrorReportList } from '../../../schemas/api/error-report.ts';
import type { ErrorReader } from '../../errors/error-reader.ts';
import { type App, problemsOf } from '../app.ts';
import { tenantSeenBy } from '../management.ts';

export function errorRoutes(app: App, errors: Pick<ErrorReader, 'read'>): void {
  app.get(
    '/v1/errors',
    {
      config: { access: ADMIN },
      schema: {
        tags: ['status'],
        summary:
          'Errors of all processes, grouped by code, component, topic and tenant, with counts, a sample and advice',
        description: 'Some seconds old, kept for a day. An admin sees those of its own tenant.',
        querystring: ErrorQuery,
        response: { 200: ErrorReportList, ...problemsOf('MDS_FORBIDDEN') },
      },
    },
    async (request) => {
      const own = tenantSeenBy(request);
      const { tenant, ...query } = request.query;
      if (own !== null && tenant !== undefined && tenant !== own) return { items: [] };
      const seen = own ?? tenant;
      return { items: await errors.read({ ...query, ...(seen === undefined ? {} : { tenant: seen }) }) };
    },
  );
}
