// Every route of the query process, for the process itself and for whoever describes it.

import type { Pool } from 'pg';
import type { App } from '../../../platform/rest-app.ts';
import type { Door } from '../door.ts';
import type { AggregateService } from '../rollup/aggregate-service.ts';
import { rollupRoutes } from './rollup-routes.ts';

export interface QueryRouteParts {
  readonly door: Door;
  readonly service: AggregateService;
  readonly pool: Pool;
}

export function queryRoutes(app: App, { door, service, pool }: QueryRouteParts): void {
  rollupRoutes(app, door, service, pool);
}
