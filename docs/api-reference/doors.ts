// The HTTP doors beside the control plane, each described by the routes it really has. What comes out stands in
// control-plane/api/doors.json, so that one document, and one page, is about all of them.

import { DEFAULT_PORT_BASE, LOOPBACK, portPlan } from '../../deploy/local/port-plan.ts';
import { Health } from '../../platform/health.ts';
import { createLogger } from '../../platform/log.ts';
import { createMetrics } from '../../platform/metrics.ts';
import type { ApiDocument } from '../../platform/openapi/complete-document.ts';
import type { DoorPart } from '../../platform/openapi/doors.ts';
import { createHttpServer } from '../../workers/query/http-server.ts';
import { queryRoutes } from '../../workers/query/routes/query-routes.ts';
import { edgeDoor } from './edge-door.ts';
import { ingestDoor } from './ingest-door.ts';
import { nobody } from './undisturbed-server.ts';

const PORTS = portPlan({}, DEFAULT_PORT_BASE);

export async function doorParts(version: string): Promise<readonly DoorPart[]> {
  return [await queryDoor(version), ingestDoor(), edgeDoor()];
}

async function queryDoor(version: string): Promise<DoorPart> {
  const log = createLogger('docs', 'silent');
  const settings = { bodyLimitBytes: 1, httpTrustedProxies: [] };
  const parts = {
    health: new Health(),
    metrics: createMetrics('docs'),
    log,
    errors: { record: () => {} },
    settings,
    version,
  };
  const app = await createHttpServer({ ...parts, openDoor: async () => {} });
  queryRoutes(app, nobody as Parameters<typeof queryRoutes>[1]); // no part is touched before a request comes
  await app.ready();
  const { paths, tags = [] } = app.swagger() as unknown as ApiDocument; // the part of it that is used; completed later
  await app.close();
  const server = { url: `http://${LOOPBACK}:${PORTS.query}`, description: 'A query process' };
  return { door: 'query', server, tags, paths };
}
