import t from 'tap';
import { ledgerRowsOf, sumLedger } from '../../../control-plane/durable/ledger-sums.ts';
import { LEDGER_COUNTS } from '../../../schemas/durable.ts';

const rows = (minute: number, fields: Record<string, number>) =>
  ledgerRowsOf('s', minute, Object.fromEntries(Object.entries(fields).map(([field, count]) => [field, String(count)])));

t.test('every count that edges write is summed', (t) => {
  const fields = Object.fromEntries(LEDGER_COUNTS.map((name, i) => [`0.1.${name}`, i + 1]));
  const { items, total } = sumLedger(rows(3, fields));
  t.same(total, Object.fromEntries(LEDGER_COUNTS.map((name, i) => [name, i + 1])));
  t.equal(items[0]?.minute, '1970-01-01T00:03:00.000Z');
  t.end();
});

t.test('two readings of one epoch of one shard are one, the larger', (t) => {
  const { total } = sumLedger([
    ...rows(1, { '0.1.sent': 5, '0.1.acknowledged': 2 }),
    ...rows(1, { '0.1.sent': 3, '0.1.acknowledged': 4 }),
    ...rows(1, { '0.2.sent': 1 }),
    ...rows(2, { '0.1.sent': 1 }),
  ]);
  t.match(total, { sent: 7, acknowledged: 4 });
  t.end();
});

t.test('fields that are none are left out', (t) => {
  t.same(ledgerRowsOf('s', 1, { '0.1.sent': 'many', '0.1.unknown': '1', sent: '1', '-1.2.sent': '1' }), []);
  t.end();
});
