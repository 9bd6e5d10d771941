// Errors of one process, counted by code, topic and tenant, until they are shipped. Bounded: a flood of different errors
// becomes counts without topics. Pure: time is an argument.

import { MdsError } from '../../schemas/errors.ts';
import type { ErrorGroup } from '../../schemas/management.ts';
import { withoutSecrets } from './redact.ts';

/** Whose error it is; empty where that is not known. */
export interface ErrorPlace {
  readonly topic?: string;
  readonly tenant?: string;
}

/** Between two shipments: more different ones lose their topic. */
const MAX_GROUPS = 200;
const MAX_NAME_CHARS = 250;

export class ErrorBook {
  readonly component: string;
  #groups = new Map<string, ErrorGroup>();

  constructor(component: string) {
    this.component = component;
  }

  /** Anything thrown; what is none of the closed list counts as `MDS_INTERNAL`. */
  record(thrown: unknown, { topic = '', tenant = '' }: ErrorPlace = {}, nowMs: number = Date.now()): void {
    const isKnown = thrown instanceof MdsError;
    const { code, message } = isKnown ? thrown : { code: 'MDS_INTERNAL', message: nameOf(thrown) };
    const named = isKnown && typeof thrown.details.topic === 'string' ? thrown.details.topic : '';
    const about = (topic === '' ? named : topic).slice(0, MAX_NAME_CHARS);
    this.#add({ code, topic: about, tenant, sample: message }, nowMs);
  }

  /** Puts back what could not be shipped. */
  restore(groups: readonly ErrorGroup[]): void {
    for (const group of groups) this.#merge(group);
  }

  /** @returns what has come since the last time; the book is empty then */
  drain(): ErrorGroup[] {
    const groups = [...this.#groups.values()];
    this.#groups = new Map();
    return groups;
  }

  #add(of: Pick<ErrorGroup, 'code' | 'topic' | 'tenant' | 'sample'>, nowMs: number): void {
    const known = this.#groups.get(keyOf({ ...of, component: this.component }));
    // The sample of a group is written once: a flood costs a count each.
    if (known) this.#groups.set(keyOf(known), { ...known, count: known.count + 1, lastMs: nowMs });
    else
      this.#merge({
        ...of,
        component: this.component,
        sample: withoutSecrets(of.sample),
        count: 1,
        firstMs: nowMs,
        lastMs: nowMs,
      });
  }

  #merge(group: ErrorGroup): void {
    let key = keyOf(group);
    let added = group;
    if (!this.#groups.has(key) && this.#groups.size >= MAX_GROUPS) {
      // What a sample says may be another tenant's business than that of the group it falls into.
      added = { ...group, topic: '', tenant: '', sample: '' };
      key = keyOf(added);
    }
    const known = this.#groups.get(key);
    this.#groups.set(key, known === undefined ? added : joined(known, added));
  }
}

const keyOf = ({
  code,
  component,
  topic,
  tenant,
}: Pick<ErrorGroup, 'code' | 'component' | 'topic' | 'tenant'>): string =>
  JSON.stringify([code, component, topic, tenant]);

/** Two counts of the same group as one. */
const joined = (a: ErrorGroup, b: ErrorGroup): ErrorGroup => ({
  ...a,
  count: a.count + b.count,
  firstMs: Math.min(a.firstMs, b.firstMs),
  lastMs: Math.max(a.lastMs, b.lastMs),
  sample: b.lastMs >= a.lastMs && b.sample !== '' ? b.sample : a.sample,
});

/** A bug's message may hold anything; its kind is enough to find it in the log. */
const nameOf = (thrown: unknown): string => (thrown instanceof Error ? `${thrown.name}; see the log` : 'see the log');
