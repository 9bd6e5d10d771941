// What every door needs to know who is at it. Works without Postgres, and goes on with its last good copy while Redis is
// away: see redis-authenticator.ts; a process makes its own with create-authenticator.ts.

import { type Identity, NO_QUOTAS, OPEN_IDENTITY, type TenantQuotas } from '../../schemas/identity/identity.ts';

export interface Authenticator {
  /** False: authentication is off, everybody is OPEN_IDENTITY. */
  readonly isOn: boolean;
  /**
   * @param credential an API key (`mds_…`) or a token (JWT), without `Bearer `; null: none was given
   * @returns one object for as long as nothing changes: hand on this one, not a copy, for `current` knows only it
   * @throws MdsError `MDS_UNAUTHENTICATED`, the same for every reason; the reason goes to a metric.
   *   `MDS_DEPENDENCY_UNAVAILABLE` when nobody can tell now: the directory was not read yet, an issuer's keys are away
   */
  authenticate(credential: string | null): Promise<Identity>;
  /**
   * Looks again, without I/O, whether an identity still is what it was: doors with long connections ask every second.
   *
   * @returns the same object while nothing changed, another one when its grants did, null when it expired or was revoked
   */
  current(identity: Identity): Identity | null;
  quotasOf(tenant: string): TenantQuotas;
}

/** Authentication is off. */
export const openAuthenticator: Authenticator = {
  isOn: false,
  authenticate: async () => OPEN_IDENTITY,
  current: (identity) => identity,
  quotasOf: () => NO_QUOTAS,
};
