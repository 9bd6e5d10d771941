// What an identity may manage: an admin its own tenant, an operator the whole installation.

import type { FastifyRequest } from 'fastify';
import { MdsError } from '../../schemas/errors.ts';
import { type Identity, isAdmin, isOperator } from '../../schemas/identity/identity.ts';

/**
 * @returns the tenant whose things it may see; null: those of all
 * @throws MdsError `MDS_FORBIDDEN` when it manages nothing
 */
export function tenantManagedBy(identity: Identity): string | null {
  if (isOperator(identity)) return null;
  if (isAdmin(identity)) return identity.tenant;
  throw new MdsError('MDS_FORBIDDEN', { action: 'manage', topic: `the tenant ${identity.tenant}` });
}

export const tenantSeenBy = (request: FastifyRequest): string | null => tenantManagedBy(request.identity);
