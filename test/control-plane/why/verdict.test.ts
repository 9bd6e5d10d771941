// What is said of an event, from what is known of it.

import t from 'tap';
import { concerns, verdictOf, type WhyFacts } from '../../../control-plane/why/verdict.ts';
import type { ShardState, TrailEntry } from '../../../schemas/durable.ts';

const PLACE = { partition: 2, offset: 10, index: 1 };

function aStep(what: TrailEntry['what'], more: Partial<TrailEntry> = {}): TrailEntry {
  return { atMs: 1, shard: 0, epoch: 1, what, consumer: 'c', edgeId: 'e', partition: 2, cursors: [[10, 1]], ...more };
}

const aState = (more: Partial<ShardState> = {}): ShardState => ({
  seekRevision: 1,
  floor: [[2, 5, 0]],
  settled: [],
  attempts: [],
  ...more,
});

function verdict(facts: Partial<WhyFacts>): string {
  const known: WhyFacts = {
    place: PLACE,
    definition: { seek: { revision: 1, position: [[2, 1, 0]] } },
    states: [aState()],
    steps: [],
    isThere: true,
    matches: true,
    isDeadLetter: false,
    ...facts,
  };
  return verdictOf(known).verdict;
}

t.test('an event that no consumer has met yet waits', async (t) => {
  t.equal(verdict({}), 'waiting');
  t.equal(verdict({ states: [aState({ floor: [] })] }), 'waiting');
});

t.test('a filter that says no is all there is to say', async (t) => {
  t.equal(verdict({ matches: false, states: [aState({ floor: [[2, 50, 0]] })] }), 'notMatched');
});

t.test('an event in flight is told with its attempts, whatever happened to it before', async (t) => {
  const states = [aState({ attempts: [[2, 10, 1, 3]] })];
  const steps = [aStep('sent'), aStep('negative')];
  t.same(
    verdictOf({
      place: PLACE,
      definition: { seek: { revision: 1, position: [] } },
      states,
      steps,
      isThere: true,
      matches: true,
      isDeadLetter: false,
    }),
    { verdict: 'inFlight', attempts: 3 },
  );
});

t.test('the last fate counts: acknowledged after it was dead-lettered and driven again', async (t) => {
  t.equal(verdict({ steps: [aStep('sent'), aStep('deadLettered')], isDeadLetter: true }), 'deadLettered');
  t.equal(verdict({ steps: [aStep('deadLettered'), aStep('redriven'), aStep('acknowledged')] }), 'acknowledged');
});

t.test('what is remembered by nobody is told from the position', async (t) => {
  t.equal(verdict({ states: [aState({ floor: [[2, 10, 1]] })] }), 'settled');
  t.equal(verdict({ states: [aState({ taken: [[2, 11, 0]] })] }), 'settled');
  t.equal(verdict({ states: [aState({ settled: [[2, 10, 1]] })] }), 'settled');
  t.equal(
    verdict({ states: [aState({ floor: [[2, 10, 1]] }), aState()] }),
    'waiting',
    'its shard may be the other one',
  );
  t.equal(verdict({ definition: { seek: { revision: 1, position: [[2, 10, 1]] } } }), 'beforeStart');
});

t.test('an event that Kafka no longer has cannot be judged, unless its fate is remembered', async (t) => {
  t.equal(verdict({ matches: null, isThere: false }), 'gone');
  t.equal(verdict({ matches: null, isThere: false, steps: [aStep('acknowledged')] }), 'acknowledged');
  t.equal(verdict({ matches: null, isThere: false, isDeadLetter: true }), 'deadLettered');
});

t.test('an entry is about the cursors it names, or about the whole range that expired', async (t) => {
  t.ok(concerns(aStep('sent'), PLACE));
  t.notOk(concerns(aStep('sent', { partition: 1 }), PLACE));
  t.notOk(concerns(aStep('sent', { cursors: [[10, 0]] }), PLACE));
  const expired = aStep('expired', {
    cursors: [
      [9, 0],
      [10, 1],
    ],
  });
  t.ok(concerns(expired, PLACE));
  t.notOk(concerns(expired, { ...PLACE, index: 2 }));
  t.notOk(concerns(expired, { partition: 2, offset: 9, index: 0 }));
});
