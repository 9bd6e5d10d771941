// Page tokens.

import t from 'tap';
import { decodePageToken, encodePageToken, pageFrom } from '../../../control-plane/api/page-token.ts';

const rowsOf = (...names: string[]) => names.map((name) => ({ name }));
const page = (rows: readonly { readonly name: string }[], limit: number) =>
  pageFrom(
    'acme',
    rows,
    limit,
    ({ name }) => name,
    ({ name }) => ({ list: 'topics', after: name }),
  );

t.test('a token leads back to its place', async (t) => {
  t.equal(decodePageToken('topics', 'acme', encodePageToken('acme', { list: 'topics', after: 'ö "x"' })), 'ö "x"');
  t.equal(decodePageToken('subscriptions', 'acme', encodePageToken('acme', { list: 'subscriptions', after: 12 })), 12);
});

t.test('a token of another list or tenant, or no token at all, is refused', async (t) => {
  const wrong = [
    encodePageToken('acme', { list: 'subscriptions', after: 1 }),
    encodePageToken('globex', { list: 'topics', after: 'a' }),
    'nonsense',
    '',
    Buffer.from('["topics","acme",5]').toString('base64url'),
    Buffer.from('["topics","acme","a","b"]').toString('base64url'),
    Buffer.from('null').toString('base64url'),
  ];
  for (const token of wrong)
    t.throws(() => decodePageToken('topics', 'acme', token), { code: 'MDS_PAGE_TOKEN_INVALID' });
});

t.test('only a page with something behind it has a next one', async (t) => {
  t.same(page(rowsOf('a', 'b'), 2), { items: ['a', 'b'], nextPageToken: null });
  t.same(page([], 2), { items: [], nextPageToken: null });
  const { items, nextPageToken } = page(rowsOf('a', 'b', 'c'), 2);
  t.same(items, ['a', 'b']);
  t.equal(decodePageToken('topics', 'acme', nextPageToken ?? ''), 'b');
});
