// The search for secrets finds them in each form.

import t from 'tap';
import { Planted } from './planted.ts';

const KEY = 'mds_k3f9a1c27b_abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG';

t.test('a secret is found as it is, by the part that matters, and encoded', async (t) => {
  const planted = new Planted();
  planted.plant('key', KEY);
  planted.plant('password', 'p/ss w+rd of some length');
  const secret = KEY.slice(15);
  for (const text of [
    `{"url":"/x?token=${KEY}"}`,
    `secret ${secret}`,
    Buffer.from(secret).toString('base64'),
    `mds.auth.${Buffer.from(KEY).toString('base64url')}`,
    'p%2Fss%20w%2Brd%20of%20some%20length',
  ]) {
    t.equal(planted.foundIn(`before ${text} after`).length > 0, true, text);
  }
  t.same(planted.foundIn('mds_k3f9a1c27b is the visible part'), []);
});
