// /v1/subscriptions/{id}/ledger: what became of its events, minute by minute.

import { FOUND } from '../../../platform/http-door/access.ts';
import { DeliveryLedger, LedgerQuery } from '../../../schemas/api/ledger.ts';
import { type LedgerReaderParts, readDeliveryLedger } from '../../durable/ledger-reader.ts';
import type { SubscriptionService } from '../../durable/subscription-service.ts';
import { type App, problemsOf } from '../app.ts';
import { BySubscription } from './subscriptions.ts';

export function ledgerRoutes(app: App, subscriptions: SubscriptionService, parts: LedgerReaderParts): void {
  app.get(
    '/v1/subscriptions/:id/ledger',
    {
      config: {
        access: FOUND('subscribe on its topic, with no mandatory filter but the one that the subscription has'),
      },
      schema: {
        tags: ['subscriptions'],
        summary: 'The delivery ledger: what became of the events of a durable subscription, minute by minute',
        params: BySubscription,
        querystring: LedgerQuery,
        response: { 200: DeliveryLedger, ...problemsOf('MDS_SUBSCRIPTION_UNKNOWN') },
      },
    },
    async ({ identity, params: { id }, query }) => {
      const { subscriptionId } = await subscriptions.findToRead(identity, id);
      return readDeliveryLedger(parts, subscriptionId, query);
    },
  );
}
