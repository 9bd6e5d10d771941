// What became of one event for one durable subscription, from what is known of both. Pure.

import type { WhyVerdict } from '../../schemas/api/why.ts';
import { type Cursor, compareCursors } from '../../schemas/cursor.ts';
import type { DurableDefinition, ShardState, TrailEntry } from '../../schemas/durable.ts';

export interface EventPlace extends Cursor {
  readonly partition: number;
}

export interface WhyFacts {
  readonly place: EventPlace;
  readonly definition: Pick<DurableDefinition, 'seek'>;
  /** By shard; null where nothing is stored. */
  readonly states: readonly (ShardState | null)[];
  /** Of this event, oldest first. */
  readonly steps: readonly TrailEntry[];
  readonly isThere: boolean;
  /** Null when it is gone. */
  readonly matches: boolean | null;
  /** Stands among the dead letters of the subscription. */
  readonly isDeadLetter: boolean;
}

export interface Verdict {
  readonly verdict: WhyVerdict;
  readonly attempts: number | null;
}

/** The last that is known counts: an event may have been acknowledged after it was dead-lettered and driven again. */
export function verdictOf(facts: WhyFacts): Verdict {
  const { matches, place, states, steps } = facts;
  if (matches === false) return { verdict: 'notMatched', attempts: null };
  const attempts = attemptsOf(place, states);
  if (attempts !== null) return { verdict: 'inFlight', attempts };
  const told = lastFate(steps);
  if (told !== null) return { verdict: told, attempts: null };
  if (facts.isDeadLetter) return { verdict: 'deadLettered', attempts: null };
  if (matches === null) return { verdict: 'gone', attempts: null };
  if (isBefore(place, facts.definition.seek.position)) return { verdict: 'beforeStart', attempts: null };
  return { verdict: isSettled(place, states) ? 'settled' : 'waiting', attempts: null };
}

/** True when the entry is about this event. */
export function concerns({ what, partition, cursors }: TrailEntry, place: EventPlace): boolean {
  if (partition !== place.partition) return false;
  if (what === 'expired') {
    const [after, to] = cursors.map(([offset, index]) => ({ offset, index }));
    return (
      after !== undefined && to !== undefined && compareCursors(place, after) > 0 && compareCursors(place, to) <= 0
    );
  }
  return cursors.some(([offset, index]) => offset === place.offset && index === place.index);
}

const FATES: Partial<Record<TrailEntry['what'], WhyVerdict>> = {
  acknowledged: 'acknowledged',
  deadLettered: 'deadLettered',
  expired: 'expired',
  skipped: 'skipped',
};

function lastFate(steps: readonly TrailEntry[]): WhyVerdict | null {
  for (const { what } of steps.toReversed()) {
    const fate = FATES[what];
    if (fate !== undefined) return fate;
  }
  return null;
}

function attemptsOf({ partition, offset, index }: EventPlace, states: readonly (ShardState | null)[]): number | null {
  for (const state of states) {
    for (const [p, o, i, attempts] of [...(state?.attempts ?? []), ...(state?.redriven ?? [])]) {
      if (p === partition && o === offset && i === index) return attempts;
    }
  }
  return null;
}

/** No shard would still have to meet it. */
function isSettled(place: EventPlace, states: readonly (ShardState | null)[]): boolean {
  return states.every((state) => {
    if (state === null) return false;
    if (isBefore(place, state.taken ?? []) || isBefore(place, state.floor)) return true;
    return state.settled.some(
      ([partition, offset, index]) => partition === place.partition && offset === place.offset && index === place.index,
    );
  });
}

const isBefore = (place: EventPlace, position: readonly (readonly [number, number, number])[]): boolean =>
  position.some(
    ([partition, offset, index]) => partition === place.partition && compareCursors(place, { offset, index }) <= 0,
  );
