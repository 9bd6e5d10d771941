import t from 'tap';
import { brokenFilters, type FilterInUse } from '../../../control-plane/topics/filters-in-use.ts';
import type { AvroRecord } from '../../../schemas/avro/avro-type.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';

const schemaOf = (...fields: object[]): AvroRecord => {
  const parsed = parseAvroSchema({ type: 'record', name: 'E', fields });
  if (parsed.kind !== 'record') throw new Error('not a record');
  return parsed;
};
const OLDER = schemaOf({ name: 'host', type: 'string' }, { name: 'value', type: 'double' });
const NEWER = schemaOf({ name: 'value', type: 'string' });

const aFilter = (filter: string, overrides: Partial<FilterInUse> = {}): FilterInUse => ({
  of: 'subscription',
  name: 'on-call',
  filter,
  fields: null,
  key: null,
  ...overrides,
});

t.test('a filter, a projection or a key that names what is gone is broken; others are not', async (t) => {
  const broken = brokenFilters(
    [
      aFilter('host == "a"'),
      aFilter('value > 1.0', { of: 'route', name: 'r' }),
      aFilter('', { of: 'live', name: '' }),
      aFilter('', { fields: ['host'] }),
      aFilter('', { key: ['host'], name: 'grouped' }),
    ],
    OLDER,
    NEWER,
  );
  t.same(
    broken.map(({ of, name, code }) => [of, name, code]),
    [
      ['subscription', 'on-call', 'MDS_FILTER_UNKNOWN_FIELD'],
      ['route', 'r', 'MDS_FILTER_TYPE'],
      ['subscription', 'on-call', 'MDS_PROJECTION_UNKNOWN_FIELD'],
      ['subscription', 'grouped', 'MDS_PROJECTION_UNKNOWN_FIELD'],
    ],
  );
});

t.test('what did not work before is not broken by the new version', async (t) => {
  t.same(brokenFilters([aFilter('nowhere == 1')], OLDER, NEWER), []);
});
