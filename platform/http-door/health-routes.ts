// /health/live, /health/ready and /metrics on a server that has other routes too. See ../health.ts.

import type { FastifyInstance } from 'fastify';
import { answerHealth, HEALTH_PATHS, type Health } from '../health.ts';
import type { Metrics } from '../metrics.ts';
import { PUBLIC } from './access.ts';

const OPEN = PUBLIC('orchestrators and Prometheus have no key; it has no content of events and no secrets');

export function addHealthRoutes(app: FastifyInstance, health: Health, metrics: Metrics): void {
  for (const path of HEALTH_PATHS) {
    app.get(path, { config: { access: OPEN, counts: 'nothing' }, schema: { hide: true } }, async (_request, reply) => {
      const answer = await answerHealth(path, health, metrics);
      if (answer === null) return reply.callNotFound();
      const { status, contentType, body } = answer;
      return reply.code(status).type(contentType).header('cache-control', 'no-store').serializer(String).send(body);
    });
  }
}
