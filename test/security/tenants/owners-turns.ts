// The same attempts made by whoever owns the things, so that the matrix is known to be able to fail: one for each operation, in
// an order in which none takes away what a later one is about. Pure.

import type { Attempt } from './attempts.ts';

/** Earlier ones leave things as they are, later ones less and less. */
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
/** Behind all of them, in this order. */
const LAST = [
  'POST /v1/connections/disconnect',
  'POST /v1/edges/{id}/evacuate',
  'DELETE /v1/edges/{id}/evacuate',
  'DELETE /v1/topics/{name}',
  'POST /v1/keys/{id}/rotate',
  'DELETE /v1/keys/{id}',
  'DELETE /v1/tenants/{id}',
];

/** Of each operation the attempt that names most. */
export function ownersTurns(attempts: readonly Attempt[]): Attempt[] {
  const byOperation = new Map(attempts.map((attempt) => [attempt.operation, attempt]));
  const rank = ({ method, operation }: Attempt): number =>
    LAST.includes(operation) ? METHODS.length + LAST.indexOf(operation) : METHODS.indexOf(method);
  return [...byOperation.values()].sort((a, b) => rank(a) - rank(b));
}
