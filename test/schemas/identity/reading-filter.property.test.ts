// Whatever is asked, every event that passes the combined filter passes the mandatory one: on random schemas, events,
// grants and wishes, judged by the plain evaluator, which shares nothing with the code that joins the filters.

import fc from 'fast-check';
import t from 'tap';
import type { AvroRecord } from '../../../schemas/avro/avro-type.ts';
import { MdsError } from '../../../schemas/errors.ts';
import { readingFilter } from '../../../schemas/identity/reading-filter.ts';
import { modelMatches } from '../../../schemas/plan/model.ts';
import { makePlan, type Plan } from '../../../schemas/plan/plan.ts';
import { scenario } from '../plan/arbitraries.ts';
import { aGrant, anIdentity } from './builders.ts';

const RUNS = Number(process.env.MDS_PROPERTY_RUNS ?? 150);
/** Bounds the run on a busy machine; with MDS_PROPERTY_RUNS set, all runs are done. */
const TIME_LIMIT_MS = process.env.MDS_PROPERTY_RUNS === undefined ? 1500 : 600_000;

/** What somebody may write around a filter to get out of another one's brackets. */
const PIECES = [
  '',
  'true',
  ') || (true',
  '(',
  ')',
  ' || ',
  '//',
  '\n',
  '"',
  "'",
  '"""',
  '\\',
  'r"',
  '!',
  '? true : true',
  'false && ',
];

const nasty = fc.tuple(fc.constantFrom(...PIECES), fc.constantFrom(...PIECES), fc.constantFrom(...PIECES));

/** A filter as written, not canonical, ready for the plain evaluator. */
function asWritten(filter: string, topic: AvroRecord): Plan {
  const inputs = topic.fields.flatMap(({ name }) => makePlan({ filter: `has(event.${name})` }, topic).inputs);
  return { ...makePlan({ filter }, topic), filter, inputs };
}

function combined(filters: readonly string[], asked: string, topic: AvroRecord): Plan | null {
  try {
    const identity = anIdentity({ grants: filters.map((filter) => aGrant({ filter })) });
    return makePlan({ filter: readingFilter(identity, 'events', asked, topic) }, topic);
  } catch (error) {
    if (error instanceof MdsError) return null; // nothing is read
    throw error;
  }
}

t.test('no event is read that no grant allows', async (t) => {
  let read = 0;
  fc.assert(
    fc.property(
      scenario({ evolved: true, filters: 3, events: 6 }),
      nasty,
      ({ topic, writer, events, filters }, around) => {
        const [first = 'true', second = 'true', wish = 'true'] = filters;
        const [before, between, after] = around;
        const grants = [first, second].filter((filter) => filter.trim() !== '');
        const mandatory = grants.map((filter) => asWritten(filter, topic));
        for (const asked of [
          '',
          wish,
          `${before}${wish}${after}`,
          `${wish}${between}${wish}`,
          `${before}${between}${after}`,
        ]) {
          const plan = combined(grants, asked, topic);
          if (plan === null) continue;
          for (const event of events) {
            if (!modelMatches(plan, writer, event)) continue;
            read++;
            if (!mandatory.some((each) => modelMatches(each, writer, event))) {
              throw new Error(`asked: ${asked}\ngrants: ${grants.join('\n        ')}\nplanned: ${plan.filter}`);
            }
          }
        }
      },
    ),
    { numRuns: RUNS, interruptAfterTimeLimit: TIME_LIMIT_MS, endOnFailure: true },
  );
  t.ok(read > 0, 'something was read, so that the test says something');
});

t.test('what a grant allows and was asked for is read', async () => {
  fc.assert(
    fc.property(scenario({ evolved: true, filters: 2, events: 6 }), ({ topic, writer, events, filters }) => {
      const [demanded = 'true', wish = 'true'] = filters;
      const plan = combined([demanded], wish, topic);
      if (plan === null) return;
      for (const event of events) {
        const expected =
          modelMatches(asWritten(demanded, topic), writer, event) &&
          modelMatches(asWritten(wish, topic), writer, event);
        if (modelMatches(plan, writer, event) !== expected) {
          throw new Error(`asked: ${wish}\ngrant: ${demanded}\nplanned: ${plan.filter}\nexpected: ${expected}`);
        }
      }
    }),
    { numRuns: RUNS, interruptAfterTimeLimit: TIME_LIMIT_MS, endOnFailure: true },
  );
});

t.test('a claim that is any text is compared as that text', async () => {
  const topic = scenarioTopic();
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 30 }),
      fc.string({ unit: 'binary', maxLength: 30 }),
      (team, written) => {
        const identity = anIdentity({ grants: [aGrant({ filter: 'team == claims.team' })], claims: { team } });
        const plan = makePlan({ filter: readingFilter(identity, 'events', '', topic) }, topic);
        if (!modelMatches(plan, topic, { team }))
          throw new Error(`${JSON.stringify(team)} is not read: ${plan.filter}`);
        if (written !== team && modelMatches(plan, topic, { team: written })) throw new Error(`${written} is read too`);
      },
    ),
    { numRuns: RUNS, interruptAfterTimeLimit: TIME_LIMIT_MS, endOnFailure: true },
  );
});

function scenarioTopic(): AvroRecord {
  return {
    kind: 'record',
    name: 'test.Event',
    aliases: [],
    fields: [{ name: 'team', type: { kind: 'string' }, aliases: [], hasDefault: false, default: undefined }],
  };
}
