// Whom a connection may become in its middle, and what it is told about itself. Pure.

import { CLOSE_CODES } from '../../../schemas/close-codes.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { ShownIdentity } from '../../../schemas/frames.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';

/**
 * A connection keeps its tenant and its owner: a token may be followed by another of the same subject, a key by any key of
 * the tenant, since a key that is rotated has a new id.
 *
 * @throws MdsError `MDS_IDENTITY_CHANGED`
 */
export function assertSameOwner(before: Identity, after: Identity): void {
  const isSame =
    after.tenant === before.tenant &&
    after.kind === before.kind &&
    (after.kind !== 'token' || after.subject === before.subject);
  if (isSame) return;
  throw new MdsError('MDS_IDENTITY_CHANGED', { subject: after.subject, tenant: after.tenant });
}

/** How a connection is closed whose identity is no longer valid. @param nowMs ms since 1970 */
export function endOfIdentity({ expiresAtMs }: Identity, nowMs: number): { closeCode: number; error: MdsError } {
  const isExpired = expiresAtMs !== null && expiresAtMs <= nowMs;
  return isExpired
    ? { closeCode: CLOSE_CODES.CREDENTIAL_EXPIRED, error: new MdsError('MDS_CREDENTIAL_EXPIRED') }
    : { closeCode: CLOSE_CODES.UNAUTHENTICATED, error: new MdsError('MDS_UNAUTHENTICATED') };
}

/** @param nowMs ms since 1970 */
export const shownIdentity = ({ tenant, subject, expiresAtMs }: Identity, nowMs: number): ShownIdentity => ({
  tenant,
  subject,
  expiresInMs: expiresAtMs === null ? null : Math.max(0, expiresAtMs - nowMs),
});

/** False when what may be read can have changed. A token that follows another has other claims, its times at the least. */
export function readsTheSame(before: Identity, after: Identity): boolean {
  const isSame = (of: (identity: Identity) => unknown): boolean =>
    JSON.stringify(of(before)) === JSON.stringify(of(after));
  const usesClaims = after.grants.some(({ filter = '' }) => filter.includes('claims'));
  return isSame(({ roles, grants }) => [roles, grants]) && (!usesClaims || isSame(({ claims }) => claims));
}
