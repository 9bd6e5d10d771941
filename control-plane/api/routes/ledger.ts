// /v1/subscriptions/{id}/ledger: what became of its events, minute by minute.

import { DeliveryLedger, LedgerQuery } from '../../../schemas/api/ledger.ts';
import { type LedgerReaderParts, readDeliveryLedger } from '../../durable/ledger-reader.ts';
import type { SubscriptionService } from '../../durable/subscription-service.ts';
import { DEFAULT_TENANT } from '../../topics/topic-names.ts';
import { type App, problemsOf } from '../app.ts';
import { BySubscription } from './subscriptions.ts';

export function ledgerRoutes(app: App, subscriptions: SubscriptionService, parts: LedgerReaderParts): void {
  app.get(
    '/v1/subscriptions/:id/ledger',
    {
      schema: {
        tags: ['subscriptions'],
        summary: 'The delivery ledger: what became of the events of a durable subscription, minute by minute',
        params: BySubscription,
        querystring: LedgerQuery,
        response: { 200: DeliveryLedger, ...problemsOf('MDS_SUBSCRIPTION_UNKNOWN') },
      },
    },
    async ({ params: { id }, query }) => {
      const { subscriptionId } = await subscriptions.find(DEFAULT_TENANT, id);
      return readDeliveryLedger(parts, subscriptionId, query);
    },
  );
}
