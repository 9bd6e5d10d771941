// `RateLimit` and `RateLimit-Policy` as draft-ietf-httpapi-ratelimit-headers-10 writes them: structured fields, quota `q`
// and window `w` of each policy, and what remains `r` until `t` seconds from now of the one that ends first. Pure.

import type { Taken } from './budget.ts';

/** `"reads-tenant";q=100;w=1, "reads-address";q=20;w=1` */
export const rateLimitPolicyHeader = (taken: readonly Taken[]): string =>
  taken.map(({ budget: { name, limit, windowSeconds } }) => `"${name}";q=${limit};w=${windowSeconds}`).join(', ');

/** `"reads-tenant";r=12;t=1`: the budget of which the smallest share is left, that of a refusal first. */
export function rateLimitHeader(taken: readonly Taken[]): string {
  let [least] = taken;
  if (least === undefined) return '';
  for (const one of taken) if (shareLeft(one) < shareLeft(least)) least = one;
  return `"${least.budget.name}";r=${least.remaining};t=${secondsLeft(least)}`;
}

/** Whole seconds, at least one: a client that comes back earlier only comes back again. */
export const secondsLeft = ({ resetMs }: Pick<Taken, 'resetMs'>): number => Math.max(1, Math.ceil(resetMs / 1000));

const shareLeft = ({ isAllowed, remaining, budget }: Taken): number => (isAllowed ? remaining / budget.limit : -1);
