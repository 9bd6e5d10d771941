// The compiled evaluator against the model, on random schemas, writers, events and filters.

import fc from 'fast-check';
import t from 'tap';
import type { AvroRecord } from '../../../schemas/avro/avro-type.ts';
import { compileFilter } from '../../../schemas/plan/evaluate.ts';
import { modelMatches } from '../../../schemas/plan/model.ts';
import type { Plan } from '../../../schemas/plan/plan.ts';
import { channelIdOf, makePlan } from '../../../schemas/plan/plan.ts';
import type { Scenario } from './arbitraries.ts';
import { scenario } from './arbitraries.ts';

const RUNS = Number(process.env.MDS_PROPERTY_RUNS ?? 100);
/** Bounds the run on a busy machine; with MDS_PROPERTY_RUNS set, all runs are done. */
const TIME_LIMIT_MS = process.env.MDS_PROPERTY_RUNS === undefined ? 700 : 600_000;

const show = (value: unknown): string =>
  JSON.stringify(value, (_key, inner) => (typeof inner === 'bigint' ? `${inner}n` : inner));

function assertAgrees(plan: Plan, writer: AvroRecord, events: Scenario['events']): void {
  const matches = compileFilter(plan, writer);
  for (const event of events) {
    const expected = modelMatches(plan, writer, event);
    if (matches(event) !== expected) {
      throw new Error(`${plan.filter}\n${show(event)}\n${show(writer)}\n${show(plan.inputs)}\nmodel: ${expected}`);
    }
  }
}

t.test('a compiled filter matches exactly the events that the model matches', async () => {
  fc.assert(
    fc.property(scenario({ evolved: false }), ({ topic, writer, events, filters }) => {
      for (const filter of filters) assertAgrees(makePlan({ filter }, topic), writer, events);
    }),
    { numRuns: RUNS, interruptAfterTimeLimit: TIME_LIMIT_MS, endOnFailure: true },
  );
});

t.test('a compiled filter agrees with the model on events of writers whose schema evolved', async () => {
  fc.assert(
    fc.property(scenario({ evolved: true }), ({ topic, writer, events, filters }) => {
      for (const filter of filters) assertAgrees(makePlan({ filter }, topic), writer, events);
    }),
    { numRuns: RUNS, interruptAfterTimeLimit: TIME_LIMIT_MS, endOnFailure: true },
  );
});

t.test('the canonical form of a filter means what the filter means', async () => {
  fc.assert(
    fc.property(scenario({ evolved: true, events: 8 }), ({ topic, writer, events, filters }) => {
      for (const filter of filters) {
        const plan = makePlan({ filter }, topic);
        const inputs = topic.fields.flatMap(({ name }) => makePlan({ filter: `has(event.${name})` }, topic).inputs);
        const original: Plan = { ...plan, filter, inputs };
        const canonical = compileFilter(plan, writer);
        for (const event of events) {
          if (canonical(event) !== modelMatches(original, writer, event))
            throw new Error(`${filter}\n${plan.filter}\n${show(event)}\n${show(writer)}`);
        }
      }
    }),
    { numRuns: RUNS, interruptAfterTimeLimit: TIME_LIMIT_MS, endOnFailure: true },
  );
});

t.test('a canonical filter is its own canonical form and keeps its channel', async () => {
  fc.assert(
    fc.property(scenario({ evolved: false, events: 0 }), ({ topic, filters }) => {
      for (const filter of filters) {
        const plan = makePlan({ filter }, topic);
        const again = makePlan({ filter: plan.filter }, topic);
        if (again.filter !== plan.filter) throw new Error(`${filter}\n${plan.filter}\n${again.filter}`);
        if (channelIdOf(1, again) !== channelIdOf(1, plan)) throw new Error(`another channel for ${filter}`);
      }
    }),
    { numRuns: RUNS, interruptAfterTimeLimit: TIME_LIMIT_MS, endOnFailure: true },
  );
});
