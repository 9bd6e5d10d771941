// /v1/health/distribution: whether events reach those who want them, and why not.

import { ADMIN } from '../../../platform/http-door/access.ts';
import { DistributionHealth } from '../../../schemas/api/health.ts';
import { healthSeenBy } from '../../health/health-rules.ts';
import type { HealthWatch } from '../../health/health-watch.ts';
import { type App, problemsOf } from '../app.ts';
import { tenantSeenBy } from '../management.ts';

export function distributionHealthRoutes(app: App, watch: Pick<HealthWatch, 'health'>): void {
  app.get(
    '/v1/health/distribution',
    {
      config: { access: ADMIN },
      schema: {
        tags: ['status'],
        summary: 'Whether events are distributed as they should be, for each topic and in all, with reasons',
        description: 'Always answers; what cannot be asked is a reason. An admin sees the topics of its own tenant.',
        response: { 200: DistributionHealth, ...problemsOf('MDS_FORBIDDEN') },
      },
    },
    async (request) => {
      const tenant = tenantSeenBy(request);
      const health = await watch.health();
      return tenant === null ? health : healthSeenBy(health, tenant);
    },
  );
}
