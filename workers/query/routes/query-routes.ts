// Every route of the query process, for the process itself and for whoever describes it.

import type { App } from '../../../platform/rest-app.ts';
import type { TopicCatalog } from '../../../platform/topic-catalog.ts';
import type { LiveQueries } from '../live/live-queries.ts';
import type { RecentService } from '../recent/recent-service.ts';
import type { AggregateService } from '../rollup/aggregate-service.ts';
import { liveRoutes } from './live-routes.ts';
import { recentRoutes } from './recent-routes.ts';
import { rollupRoutes } from './rollup-routes.ts';

export interface QueryRouteParts {
  readonly catalog: Pick<TopicCatalog, 'named'>;
  readonly service: AggregateService;
  readonly recent: RecentService;
  readonly live: LiveQueries;
}

export function queryRoutes(app: App, parts: QueryRouteParts): void {
  rollupRoutes(app, parts);
  recentRoutes(app, parts);
  liveRoutes(app, parts);
}
