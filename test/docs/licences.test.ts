// S9: every package's licence is read from what npm locked, and one that nobody has accepted is named.

import t from 'tap';
import { isAccepted, licenceOf, licencesPage, unaccepted } from '../../docs/licences/licences.ts';

t.test('a licence is read in each of the shapes it is stated in', async (t) => {
  t.equal(licenceOf({ license: 'MIT' }), 'MIT');
  t.equal(licenceOf({ license: { type: 'ISC' } }), 'ISC');
  t.equal(licenceOf({ license: [{ type: 'Public Domain' }, { type: 'MIT' }] }), '(Public Domain OR MIT)');
  t.equal(licenceOf({}), '');
});

t.test('of alternatives one must be accepted, of a combination each', async (t) => {
  t.ok(isAccepted('(GPL-3.0 OR MIT)'));
  t.notOk(isAccepted('GPL-3.0 AND MIT'));
  t.ok(isAccepted('Apache-2.0 AND MIT'));
  t.notOk(isAccepted(''));
});

t.test('what has another licence, or none, is named; parts for other machines are left out', async (t) => {
  const locked = [
    ['', { license: 'Apache-2.0' }],
    ['node_modules/fine', { license: 'MIT' }],
    ['node_modules/a/node_modules/sticky', { license: 'AGPL-3.0' }],
    ['node_modules/silent', { dev: true }],
    ['node_modules/other-machine', { optional: true }],
  ] as const;
  t.same(unaccepted(locked), [
    'sticky: licence AGPL-3.0 is not accepted',
    'silent: licence not stated is not accepted',
  ]);
  t.match(licencesPage(locked), /Run time[\s\S]*MIT\*\* \(1\): fine[\s\S]*Development/);
});
