// What an identity may manage: an admin its own tenant, an operator the whole installation.

import type { FastifyRequest } from 'fastify';
import { MdsError } from '../../schemas/errors.ts';
import { type Identity, isAdmin, isOperator, OPEN_IDENTITY } from '../../schemas/identity/identity.ts';

/**
 * @returns the tenant whose things it may see; null: those of all
 * @throws MdsError `MDS_FORBIDDEN` when it manages nothing
 */
export function tenantManagedBy(identity: Identity): string | null {
  if (isOperator(identity)) return null;
  if (isAdmin(identity)) return identity.tenant;
  throw new MdsError('MDS_FORBIDDEN', { action: 'manage', topic: `the tenant ${identity.tenant}` });
}

export const tenantSeenBy = (request: FastifyRequest): string | null => tenantManagedBy(identityOf(request));

/** Of whoever asks. */
export const tenantOf = (request: FastifyRequest): string => identityOf(request).tenant;

const identityOf = (_request: FastifyRequest): Identity => OPEN_IDENTITY;

/** @throws MdsError `MDS_FORBIDDEN` for whoever does not manage the installation */
export function operatorOf(request: FastifyRequest): Identity {
  const identity = identityOf(request);
  if (isOperator(identity)) return identity;
  throw new MdsError('MDS_FORBIDDEN', { action: 'manage', topic: 'the installation' });
}
