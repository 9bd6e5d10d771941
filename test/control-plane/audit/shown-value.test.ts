// What of a value stands in the audit log.

import t from 'tap';
import { shownValue } from '../../../control-plane/audit/shown-value.ts';

const KEY = 'mds_k3f9_c2VjcmV0LXRoYXQtbm9ib2R5LXNlZXM';
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl';

t.test('secrets are not shown, by whatever name or in whatever text they stand', async (t) => {
  const shown = JSON.stringify(
    shownValue({
      apiKey: KEY,
      note: `use ${KEY} please`,
      nested: [{ password: 'hunter2', deeper: { token: JWT, text: `Bearer ${JWT}` } }],
      url: 'https://user:hunter2@issuer.example.org/keys',
      clientSecret: 'hunter2',
    }),
  );
  t.notMatch(shown, /hunter2|c2VjcmV0|c2lnbmF0dXJl/);
  t.match(shown, /use \(not shown\) please/);
  t.match(shown, /issuer\.example\.org/);
});

t.test('everything else is kept as it is', async (t) => {
  const value = { name: 'host.cpu', partitions: 3, group: null, fields: ['a', 'b'], tokens: 5, isOn: false };
  t.same(shownValue(value), value);
  t.equal(shownValue(undefined), null);
});

t.test('what is too long is told, and not kept; depth has an end', async (t) => {
  t.match(shownValue({ text: 'x'.repeat(20_000) }), { tooLarge: Number });
  let deep: unknown = 'end';
  for (let i = 0; i < 1000; i++) deep = { deep };
  t.ok(JSON.stringify(shownValue(deep)).length < 1000);
});
