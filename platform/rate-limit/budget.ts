// How much of something somebody may use in a window of time, and under which name it is counted. Pure.

import { isIPv6 } from 'node:net';

export interface Budget {
  /** In Redis' keys and in `RateLimit-Policy`: `reads-tenant`. */
  readonly name: string;
  readonly limit: number;
  readonly windowSeconds: number;
  /** In the error, behind the number: "reads a second by this address". */
  readonly what: string;
}

/** What is known of a budget after something was taken from it, or was not. */
export interface Taken {
  readonly isAllowed: boolean;
  readonly budget: Budget;
  readonly remaining: number;
  /** Until the window ends. */
  readonly resetMs: number;
}

/**
 * Under which key an address is counted: of IPv6 the network that one customer gets, or everybody would have 2^64 budgets.
 */
export function addressKey(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = plain.toLowerCase().split('::');
  const groups = head === '' ? [] : head.split(':');
  const behind = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - behind.length);
  const all = [...groups, ...Array.from({ length: zeros }, () => '0'), ...behind];
  const network = all.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(':')}::/64`;
}
