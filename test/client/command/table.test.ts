import t from 'tap';
import { formatTable } from '../../../client/command/table.ts';

const ID = 'dl-5f0c3a9e2b7d4c6180aa93fe';

t.test('what people copy from is never cut, whatever else has to give way', (t) => {
  const columns = [{ name: 'ID', isWhole: true } as const, { name: 'AT' }, { name: 'TOPIC' }];
  const [, row] = formatTable(columns, [[ID, '2026-01-31T12:00:00Z', 'a-topic-as-long-as-the-id-x']], 60).split('\n');
  t.equal(row, `${ID}  2026-01-31T12…  a-topic-as-lon…`);
  t.end();
});

t.test('a table of nothing else ends up wider than the line', (t) => {
  t.equal(formatTable([{ name: 'ID', isWhole: true }], [[ID]], 10), `ID\n${ID}`);
  t.end();
});
