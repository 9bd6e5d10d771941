// What a filter is made of once it knows the writer's schema: tests on the event at hand, shared between all channels that
// say the same, and for most of them a way to be looked up instead of tested.
//
// A predicate is only ever asked whether it is true. False and error are the same to && and || then: `a && b` is true
// exactly if both are, `a || b` exactly if one is (docs/filters.md, missing values and errors).

import type { NumberAttribute } from './number-attribute.ts';
import type { Posting } from './posting.ts';

export type AccessKind = 'equality' | 'range' | 'prefix' | 'symbols' | 'presence';

/** How events for which a predicate is true are found without testing it. */
export interface Access {
  readonly kind: AccessKind;
  /** What is looked up, e.g. `host` or `labels["region"]`. */
  readonly of: string;
  /** Share of events for which it is true, as long as nothing is known of the traffic. */
  readonly prior: number;
  /** A true predicate leads to one of these postings, and they lead nowhere else. */
  postings(): Posting[];
  /** Ranges over one attribute can be joined into one that is looked up at once. */
  readonly range?: { readonly attribute: NumberAttribute; readonly low: number; readonly high: number };
}

export interface Predicate {
  /** Equal keys, equal predicates: CEL text, and the types it was checked with. */
  readonly key: string;
  /** CEL text for people. */
  readonly text: string;
  /** Rough cost of a test; the cheaper one goes first. */
  readonly cost: number;
  /** `const`: the writer has none of the fields it reads. */
  readonly kind: 'leaf' | 'and' | 'or' | 'const';
  readonly parts: readonly Predicate[];
  readonly access: Access | null;
  test(): boolean;
  /** Gives back what it holds; called when its last user is gone. */
  release(): void;
  /** Share of events for which it was true in the sample of this generation. */
  rate: number;
  rateGeneration: number;
}

export interface NewPredicate extends Pick<Predicate, 'key' | 'text' | 'cost' | 'test'> {
  readonly kind?: Predicate['kind'];
  readonly parts?: readonly Predicate[];
  readonly access?: Access;
  readonly release?: () => void;
}

export const COST = { lookup: 1, bytes: 2, decoded: 50 } as const;

export function newPredicate({ key, text, cost, test, kind, parts, access, release }: NewPredicate): Predicate {
  return {
    key,
    text,
    cost,
    test,
    kind: kind ?? 'leaf',
    parts: parts ?? [],
    access: access ?? null,
    release: release ?? (() => {}),
    rate: access?.prior ?? 1,
    rateGeneration: -1,
  };
}

/** Predicates by key, as long as somebody uses them. */
export class PredicateTable {
  readonly #predicates = new Map<string, { readonly predicate: Predicate; users: number }>();

  /** @param make called when there is none with this key yet */
  retain(key: string, make: () => Predicate): Predicate {
    const known = this.#predicates.get(key);
    if (known) {
      known.users++;
      return known.predicate;
    }
    const predicate = make();
    this.#predicates.set(key, { predicate, users: 1 });
    return predicate;
  }

  release({ key }: Predicate): void {
    const known = this.#predicates.get(key);
    if (!known) throw new RangeError(`predicate ${key} is not there`);
    if (--known.users > 0) return;
    this.#predicates.delete(key);
    known.predicate.release();
    for (const part of known.predicate.parts) this.release(part);
  }
}

/** True when all are; the cheap ones decide first. */
export function allTrue(predicates: readonly Predicate[]): boolean {
  for (let i = 0; i < predicates.length; i++) if (!predicates[i]?.test()) return false;
  return true;
}

export function anyTrue(predicates: readonly Predicate[]): boolean {
  for (let i = 0; i < predicates.length; i++) if (predicates[i]?.test()) return true;
  return false;
}

export const byCost = (predicates: readonly Predicate[]): Predicate[] =>
  [...predicates].sort((a, b) => a.cost - b.cost || a.rate - b.rate);
