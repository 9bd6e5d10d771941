// Page tokens: the place behind the last item of a page, as one opaque string. They name their list and their tenant, so
// that a token of one is not taken for another's.

import { MdsError } from '../../schemas/errors.ts';

export type PageToken =
  | { readonly list: 'topics'; readonly after: string }
  | { readonly list: 'connections'; readonly after: string }
  | { readonly list: 'tenants'; readonly after: string }
  | { readonly list: 'keys'; readonly after: number }
  | { readonly list: 'issuers'; readonly after: number }
  | { readonly list: 'revocations'; readonly after: number }
  | { readonly list: 'routes'; readonly after: number }
  | { readonly list: 'subscriptions'; readonly after: number }
  | { readonly list: 'dead-letters'; readonly after: number }
  | { readonly list: 'audit'; readonly after: number };
export type PagedList = PageToken['list'];
type After<List extends PagedList> = Extract<PageToken, { list: List }>['after'];

export const encodePageToken = (tenant: string, { list, after }: PageToken): string =>
  Buffer.from(JSON.stringify([list, tenant, after])).toString('base64url');

const AFTER_TYPES = {
  topics: 'string',
  tenants: 'string',
  keys: 'number',
  issuers: 'number',
  revocations: 'number',
  connections: 'string',
  routes: 'number',
  subscriptions: 'number',
  'dead-letters': 'number',
  audit: 'number',
} as const satisfies Record<PagedList, string>;

/** @throws MdsError `MDS_PAGE_TOKEN_INVALID` */
export function decodePageToken<List extends PagedList>(list: List, tenant: string, text: string): After<List> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch (cause) {
    throw new MdsError('MDS_PAGE_TOKEN_INVALID', {}, { cause });
  }
  if (!Array.isArray(value) || value.length !== 3) throw new MdsError('MDS_PAGE_TOKEN_INVALID');
  const [ofList, ofTenant, after] = value;
  if (ofList !== list || ofTenant !== tenant || typeof after !== AFTER_TYPES[list]) {
    throw new MdsError('MDS_PAGE_TOKEN_INVALID');
  }
  return after; // its type was checked above
}

/**
 * Makes a page of rows that were asked for with one more than `limit`.
 *
 * @param tenant whose list it is
 * @param tokenOf the token of the place behind a row
 */
export function pageFrom<Row, Item>(
  tenant: string,
  rows: readonly Row[],
  limit: number,
  itemOf: (row: Row) => Item,
  tokenOf: (row: Row) => PageToken,
): { items: Item[]; nextPageToken: string | null } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const nextPageToken = rows.length > limit && last !== undefined ? encodePageToken(tenant, tokenOf(last)) : null;
  return { items: shown.map(itemOf), nextPageToken };
}
