// API keys: what they look like, and what is stored of them.

import t from 'tap';
import {
  formatApiKey,
  hashOfKey,
  isSameHash,
  newKeyId,
  newKeySecret,
  parseApiKey,
} from '../../../platform/identity/api-key.ts';

const SECRET = Buffer.alloc(32, 1);

t.test('a key is read as it was written', async (t) => {
  for (let i = 0; i < 200; i++) {
    const key = { id: newKeyId(), secret: newKeySecret() };
    t.same(parseApiKey(formatApiKey(key)), key);
  }
});

t.test('what is no key is none', async (t) => {
  const good = formatApiKey({ id: newKeyId(), secret: newKeySecret() });
  for (const text of [
    '',
    'mds_',
    good.slice(0, -1),
    `${good}x`,
    `${good}\n`,
    ` ${good}`,
    good.replace('mds_', 'mdx_'),
    `${good.slice(0, 20)}-${good.slice(21)}`,
  ]) {
    t.equal(parseApiKey(text), null, JSON.stringify(text));
  }
});

t.test('every secret is another one', async (t) => {
  t.equal(new Set(Array.from({ length: 1000 }, newKeySecret)).size, 1000);
});

t.test('the hash depends on secret, id and the installation, and says none of them', async (t) => {
  const key = { id: newKeyId(), secret: newKeySecret() };
  const hash = hashOfKey(SECRET, key);
  t.match(hash, /^[0-9a-f]{64}$/);
  t.ok(isSameHash(hash, hashOfKey(SECRET, key)));
  t.notOk(isSameHash(hash, hashOfKey(SECRET, { ...key, id: newKeyId() })));
  t.notOk(isSameHash(hash, hashOfKey(SECRET, { ...key, secret: newKeySecret() })));
  t.notOk(isSameHash(hash, hashOfKey(Buffer.alloc(32, 2), key)));
  t.notOk(isSameHash(hash, ''));
});
