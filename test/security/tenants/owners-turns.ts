// The same attempts made by whoever owns the things, so that the matrix is known to be able to fail: one for each operation, in
// an order in which none takes away what a later one is about. Pure.

import type { Attempt } from './attempts.ts';

/** Earlier ones leave things as they are, later ones less and less. */
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const LAST = ['DELETE /v1/topics/{name}', 'DELETE /v1/keys/{id}', 'DELETE /v1/tenants/{id}'];

/** Of each operation the attempt that names most. */
export function ownersTurns(attempts: readonly Attempt[]): Attempt[] {
  const byOperation = new Map(attempts.map((attempt) => [attempt.operation, attempt]));
  const rank = ({ method, operation }: Attempt): number => METHODS.indexOf(method) + LAST.indexOf(operation) + 1;
  return [...byOperation.values()].sort((a, b) => rank(a) - rank(b));
}
