import t from 'tap';
import { explainedParts } from '../../../control-plane/explain/explained-verdict.ts';
import { sentencesOf } from '../../../control-plane/explain/sentences.ts';
import type { FoundFilter } from '../../../schemas/explain-messages.ts';

const aFound = (given: Partial<FoundFilter> = {}): FoundFilter => ({
  schemaIds: [1],
  found: 'index',
  by: [],
  residual: [],
  unindexed: [],
  ...given,
});
const by = (kind: FoundFilter['by'][number]['kind'], of: string, values = 1) => ({ kind, of, values });

t.test('each way of finding events has its sentence', async (t) => {
  const cases: readonly (readonly [FoundFilter['by'], string])[] = [
    [[by('equality', 'host')], 'Found by equality on host: only events with that value are looked at.'],
    [[by('equality', 'host', 2)], 'Found by equality on host: only events with one of its 2 values are looked at.'],
    [[by('range', 'value')], 'Found by a range of value: only events inside it are looked at.'],
    [[by('range', 'value', 2)], 'Found by a range of value: only events inside one of 2 ranges are looked at.'],
    [[by('prefix', 'name')], 'Found by the beginning of name: only events whose name begins so are looked at.'],
    [
      [by('prefix', 'name', 3)],
      'Found by the beginning of name: only events with one of its 3 beginnings are looked at.',
    ],
    [[by('symbols', 'kind', 2)], 'Found by the values of kind: only events with one of its 2 values are looked at.'],
    [
      [by('presence', 'labels["x"]')],
      'Found by the presence of labels["x"]: only events that have labels["x"] are looked at.',
    ],
    [
      [by('equality', 'host', 2), by('range', 'value'), by('symbols', 'kind')],
      'Found by equality on host (2 values), a range of value or the values of kind: only events to which one of these leads are looked at.',
    ],
  ];
  for (const [ways, sentence] of cases) {
    t.same(sentencesOf(aFound({ by: ways })), [sentence, 'Nothing else has to be tested.']);
  }
  t.equal(
    sentencesOf(aFound({ by: [by('range', 'v')], residual: ['a == 1', 'b != 2'] }))[1],
    'Tested on those alone: a == 1; b != 2',
  );
});

t.test('a scanned filter names what no index serves, and how to help; one that takes all needs no help', async (t) => {
  const sentences = sentencesOf(
    aFound({ found: 'scan', residual: ['m.contains("x")'], unindexed: ['m.contains("x")'] }),
  );
  t.match(sentences, [/^Tested on every event/, 'No index serves m.contains("x")', /^Add with &&/]);
  t.same(sentencesOf(aFound({ found: 'scan' })), ['It takes every event, so there is nothing to look up.']);
  t.match(sentencesOf(aFound({ found: 'never' })), [/^It matches nothing/]);
});

t.test('the verdict has the rate, the speed of one core, and times as text', async (t) => {
  const measured = {
    events: 1000,
    matched: 250,
    tested: 500,
    rejectedRecords: 1,
    walkMsPerMillion: 100,
    filterMsPerMillion: 60.04,
    outputMsPerMillion: 40,
    fromMs: 0,
    toMs: 1500,
    endedBy: 'events',
  } as const;
  const found = [aFound({ schemaIds: [2] }), aFound({ schemaIds: [1], found: 'never' })];
  const parts = explainedParts({ requestId: 'r', found, measured, problem: null });
  t.match(parts, {
    explanation: { schemaIds: [2], found: 'index' },
    otherWriters: [{ schemaIds: [1], found: 'never' }],
    measured: {
      matchRate: 0.25,
      costMsPerMillion: 60,
      from: '1970-01-01T00:00:00.000Z',
      to: '1970-01-01T00:00:01.500Z',
    },
    reason: null,
  });
  t.ok(Math.abs((parts.measured?.eventsPerSecond ?? 0) - 5e6) < 2000);
});
