// Identities for tests, and an authenticator that knows them by made-up credentials.

import type { Authenticator } from '../../../platform/identity/authenticator.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { Grant, Identity, TenantQuotas } from '../../../schemas/identity/identity.ts';

export const anIdentity = (given: Partial<Identity> = {}): Identity => ({
  tenant: 'acme',
  subject: 'key:1',
  kind: 'key',
  roles: [],
  grants: [],
  claims: {},
  expiresAtMs: null,
  ...given,
});

export const aGrant = (actions: Grant['actions'], topics: readonly string[], filter?: string): Grant =>
  filter === undefined ? { actions, topics } : { actions, topics, filter };

export const NO_QUOTAS: TenantQuotas = {
  eventsInPerSecond: null,
  deliveriesPerSecond: null,
  bytesOutPerSecond: null,
  connections: null,
  subscriptions: null,
  topics: null,
  filterCost: null,
};

/** @param known by credential */
export function authenticatorOf(
  known: Readonly<Record<string, Identity>>,
  quotas: Partial<TenantQuotas> = {},
): Authenticator {
  return {
    isOn: true,
    authenticate: async (credential) => {
      const identity = credential === null ? undefined : known[credential];
      if (identity === undefined) throw new MdsError('MDS_UNAUTHENTICATED');
      return identity;
    },
    current: (identity) => identity,
    quotasOf: () => ({ ...NO_QUOTAS, ...quotas }),
  };
}

export const bearer = (credential: string) => ({ authorization: `Bearer ${credential}` });
