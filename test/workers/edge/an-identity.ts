// Identities and accounts for tests of the edge: what is not said does not matter.

import { ACTIONS, type Identity, type TenantQuotas } from '../../../schemas/identity/identity.ts';
import { TenantAccount } from '../../../workers/edge/tenants/tenant-account.ts';

/** Somebody who may read everything of tenant `acme`, and is no admin. */
export const anIdentity = (more: Partial<Identity> = {}): Identity => ({
  tenant: 'acme',
  subject: 'key:k1',
  kind: 'key',
  roles: [],
  grants: [{ actions: ACTIONS, topics: ['*'] }],
  claims: {},
  expiresAtMs: null,
  ...more,
});

export const noQuotas: TenantQuotas = {
  eventsInPerSecond: null,
  deliveriesPerSecond: null,
  bytesOutPerSecond: null,
  connections: null,
  subscriptions: null,
  topics: null,
  filterCost: null,
};

export const anAccount = (quotas: Partial<TenantQuotas> = {}, tenant = 'acme'): TenantAccount =>
  new TenantAccount(tenant, { ...noQuotas, ...quotas }, { connectsPerSecond: 100, subscribesPerSecond: 100 }, 0);
