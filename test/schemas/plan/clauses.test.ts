import t from 'tap';
import { eventSchemaOf } from '../../../schemas/avro/avro-type.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';
import { clausesOf } from '../../../schemas/plan/clauses.ts';
import { makePlan } from '../../../schemas/plan/plan.ts';

const parsed = parseAvroSchema({
  type: 'record',
  name: 'E',
  fields: [
    { name: 'host', type: 'string' },
    { name: 'value', type: 'double' },
    { name: 'level', type: { type: 'enum', name: 'L', symbols: ['LOW', 'host'] } },
  ],
});
if (parsed.kind !== 'record') throw new Error('not a record');
const RECORD = eventSchemaOf(parsed);

t.test('a filter is split where all parts must be true, and nowhere else', async (t) => {
  t.same(clausesOf('host == "a" && (value > 1.0 && value < 2.0)', RECORD).length, 3);
  t.same(clausesOf('host == "a" || value > 1.0', RECORD).length, 1);
  t.same(clausesOf('', RECORD), []);
});

t.test(
  'each clause is a filter of its own that reads the same, also where a symbol is named like a field',
  async (t) => {
    for (const clause of clausesOf('level == "host" && host.startsWith("x")', RECORD)) {
      t.equal(makePlan({ filter: clause }, RECORD).filter, clause);
    }
  },
);
