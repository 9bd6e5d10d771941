// Identities and grants for tests: what a test does not name is as ordinary as possible.

import type { Grant, Identity } from '../../../schemas/identity/identity.ts';

export const aGrant = (grant: Partial<Grant> = {}): Grant => ({ actions: ['subscribe'], topics: ['*'], ...grant });

/** A key of tenant `acme` that may read every topic and expires never. */
export const anIdentity = (identity: Partial<Identity> = {}): Identity => ({
  tenant: 'acme',
  subject: 'key:000000000001',
  kind: 'key',
  roles: [],
  grants: [aGrant()],
  claims: {},
  expiresAtMs: null,
  ...identity,
});
