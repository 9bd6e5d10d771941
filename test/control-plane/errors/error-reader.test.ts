import t from 'tap';
import { errorReports } from '../../../control-plane/errors/error-reader.ts';
import { ERROR_ADVICE } from '../../../schemas/error-advice.ts';
import { ERROR_KINDS } from '../../../schemas/errors.ts';
import type { ErrorGroup } from '../../../schemas/management.ts';

const aGroup = (overrides: Partial<ErrorGroup> = {}): ErrorGroup => ({
  code: 'MDS_GAP',
  component: 'edge',
  topic: 'orders',
  tenant: 'a',
  count: 1,
  firstMs: 10,
  lastMs: 20,
  sample: 'first',
  ...overrides,
});

t.test('groups of several hours are one, with the last sample; the latest come first', async (t) => {
  const reports = errorReports(
    [
      aGroup({ firstMs: 5, lastMs: 6, sample: 'older' }),
      aGroup({ count: 4 }),
      aGroup({ code: 'MDS_TIMEOUT', lastMs: 30, topic: '' }),
    ],
    {},
  );
  t.match(reports, [
    { code: 'MDS_TIMEOUT', topic: null, retryable: true },
    { code: 'MDS_GAP', count: 5, firstAt: '1970-01-01T00:00:00.005Z', sample: 'first' },
  ]);
});

t.test('one tenant sees its own, and filters narrow it down', async (t) => {
  const groups = [aGroup(), aGroup({ tenant: 'b', sample: "b's own" }), aGroup({ tenant: '' })];
  t.same(errorReports(groups, { tenant: 'a' }).length, 1);
  t.notMatch(JSON.stringify(errorReports(groups, { tenant: 'a' })), "b's own");
  t.same(errorReports(groups, { component: 'stream' }), []);
  t.same(errorReports(groups, { topic: 'orders', code: 'MDS_GAP' }).length, 3);
});

t.test('there is an advice for each code of the closed list, and for no other', async (t) => {
  t.same(Object.keys(ERROR_ADVICE).sort(), Object.keys(ERROR_KINDS).sort());
  for (const [code, advice] of Object.entries(ERROR_ADVICE)) t.match(advice, /^[A-Z`].*\.$/, code);
});

t.test('a code of a newer process is shown, with the advice for bugs', async (t) => {
  t.match(errorReports([aGroup({ code: 'MDS_NEW' })], {}), [{ code: 'MDS_NEW', advice: ERROR_ADVICE.MDS_INTERNAL }]);
});
