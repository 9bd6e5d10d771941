// The token that leads from one answer of recent events to the next: what is left of each partition. Opaque to clients; a
// token says nothing that its holder may not read, for the filter and the grants are applied anew.

import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { MdsError } from '../../../schemas/errors.ts';
import type { Left, Order } from './recent-scan.ts';

const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const Token = Compile(
  Type.Object({
    v: Type.Literal(1),
    topicId: Count,
    order: Type.Enum(['newest', 'oldest']),
    left: Type.Array(Type.Tuple([Count, Count, Count, Count]), { maxItems: 1024 }),
  }),
);

export interface RecentCursor {
  readonly topicId: number;
  readonly order: Order;
  readonly left: Left[];
}

/** @returns null when nothing is left */
export function encodeRecentCursor({ topicId, order, left }: RecentCursor): string | null {
  const rest = left.filter(({ from, to }) => from < to);
  if (rest.length === 0) return null;
  const token = { v: 1, topicId, order, left: rest.map((one) => [one.partition, one.from, one.to, one.given]) };
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

/** @throws MdsError `MDS_PAGE_TOKEN_INVALID` */
export function decodeRecentCursor(text: string, topicId: number): RecentCursor {
  let token: unknown;
  try {
    token = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch (cause) {
    throw new MdsError('MDS_PAGE_TOKEN_INVALID', {}, { cause });
  }
  if (!Token.Check(token) || token.topicId !== topicId) throw new MdsError('MDS_PAGE_TOKEN_INVALID');
  const left = token.left.map(([partition, from, to, given]) => ({ partition, from, to, given }));
  return { topicId, order: token.order, left };
}
