// The order of migrations, and what is refused.

import t from 'tap';
import { orderMigrations, pendingMigrations, readMigrations } from '../../../control-plane/store/migrations.ts';

t.test('the migrations of this version have rising numbers', async (t) => {
  const migrations = await readMigrations();
  const numbers = migrations.map(({ number }) => number);
  t.same(
    numbers,
    [...new Set(numbers)].sort((a, b) => a - b),
  );
  t.ok(migrations.every(({ sql, checksum }) => sql.length > 0 && checksum.length === 64));
});

t.test('files are taken in the order of their numbers', async (t) => {
  t.same(orderMigrations(['0002-b.sql', '0001-a.sql']), ['0001-a.sql', '0002-b.sql']);
});

t.test('a double or misnamed file is refused, a missing number is not', async (t) => {
  t.same(orderMigrations(['0003-c.sql', '0001-a.sql']), ['0001-a.sql', '0003-c.sql']);
  t.throws(() => orderMigrations(['0001-a.sql', '0001-b.sql']), /0001-b.sql should have another number/);
  t.throws(() => orderMigrations(['0001-a.sql', 'notes.txt']), /notes.txt is not a migration/);
});

const known = [1, 2].map((number) => ({
  number,
  name: `000${number}-x.sql`,
  sql: 'SELECT 1',
  checksum: `sum-${number}`,
}));

t.test('what is applied is not applied again', async (t) => {
  t.same(pendingMigrations(known, []), known);
  t.same(pendingMigrations(known, known.slice(0, 1)), known.slice(1));
  t.same(pendingMigrations(known, known), []);
});

t.test('a migration that was edited, or that a newer version applied, is named', async (t) => {
  const applied = [
    { number: 1, name: '0001-x.sql', checksum: 'other' },
    { number: 9, name: '0009-x.sql', checksum: 'sum' },
  ];
  const error = t.throws(() => pendingMigrations(known, applied), { code: 'MDS_CONFIG_INVALID' });
  t.match(String(error), /0001-x.sql was changed.*0009-x.sql, which this version does not know/);
});
