// A mapping as a function from facts to an event, as JSON that the topic's schema then checks. Pure.

import { hash } from 'node:crypto';
import { type Facts, textOfFact } from './facts.ts';
import type { DoorMapping, Rule, Source } from './rules.ts';

/** Makes the events of one request; how often the same facts have come is counted within it. */
export type EventMapper = (facts: Facts) => Record<string, unknown>;

/** A syslog connection is one long request: facts that came longer ago than so many others are forgotten. */
const MAX_REPEATS = 100_000;
/** 128 of SHA-256's bits: two events of a window that collide are less likely than a broken machine. */
const ID_CHARS = 22;
/** Stands between the facts that are hashed: no text has it, so that none can look like two. */
const SEPARATOR = '\u0000';

type Get = (facts: Facts) => unknown;
type Make = (facts: Facts, repeats: Map<string, number>) => unknown;

/** @returns what gives a mapper for each request */
export function compileMapping(mapping: DoorMapping): () => EventMapper {
  const fields = Object.entries(mapping).map(([name, rule]) => ({ name, make: makeOf(rule) }));
  return () => {
    const repeats = new Map<string, number>();
    return (facts) => {
      const event: Record<string, unknown> = {};
      for (const { name, make } of fields) {
        const value = make(facts, repeats);
        if (value !== undefined) event[name] = value;
      }
      return event;
    };
  };
}

function makeOf(rule: Rule): Make {
  if (Array.isArray(rule)) return firstOf(rule.map(sourceOf));
  if ('hash' in rule) return hashOf(rule.hash.map(canonicalOf), rule.prefix ?? '', rule.repeats ?? false);
  if ('join' in rule) {
    const parts = rule.join.map(factOf);
    return (facts) => parts.map((get) => textOfFact(get(facts) ?? '')).join(rule.with ?? '');
  }
  return labelsOf(rule.from, new Set(rule.without));
}

const firstOf =
  (sources: readonly Get[]): Make =>
  (facts) => {
    for (const get of sources) {
      const value = get(facts);
      if (value !== undefined && value !== null) return value;
    }
    return undefined;
  };

/** A fact that is empty is not there; the text of a mapping counts though it is empty. */
function sourceOf(source: Source): Get {
  if (typeof source !== 'string') return translated(source);
  if (source.startsWith('=')) return () => source.slice(1);
  const get = factOf(source);
  return (facts) => {
    const value = get(facts);
    return value === '' ? undefined : value;
  };
}

function translated({ from, values, as }: Exclude<Source, string>): Get {
  const get = factOf(from);
  const known = values === undefined ? null : new Map(Object.entries(values));
  return (facts) => {
    const value = get(facts);
    if (value === undefined || value === null || value === '') return undefined;
    if (known) return known.get(textOfFact(value)) ?? known.get(textOfFact(value).toLowerCase());
    if (as === 'text') return textOfFact(value);
    return as === 'number' ? numberOf(value) : value;
  };
}

const numberOf = (value: unknown): unknown =>
  typeof value === 'string' && value.trim() !== '' && !Number.isNaN(Number(value)) ? Number(value) : value;

/** `name`, or `group:key`; a key finds what stands under it, or else the way through objects that its dots say. */
function factOf(name: string): Get {
  const colon = name.indexOf(':');
  if (colon === -1) return ({ plain }) => plain[name];
  const group = name.slice(0, colon);
  const key = name.slice(colon + 1);
  const path = key.split('.');
  return ({ groups }) => {
    const facts = groups[group];
    if (facts === undefined) return undefined;
    if (Object.hasOwn(facts, key)) return facts[key];
    return path.length === 1 ? undefined : path.reduce<unknown>(memberOf, facts);
  };
}

const memberOf = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Readonly<Record<string, unknown>>)[key] // it has it
    : undefined;

/** A fact, or a whole group in the order of its keys, as the text that is hashed. */
function canonicalOf(name: string): (facts: Facts) => string {
  if (!name.endsWith(':*')) {
    const get = factOf(name);
    return (facts) => textOfFact(get(facts) ?? '');
  }
  const group = name.slice(0, -2);
  return ({ groups }) => {
    const facts = groups[group] ?? {};
    const keys = Object.keys(facts).sort();
    return keys.map((key) => `${key}${SEPARATOR}${textOfFact(facts[key])}`).join(SEPARATOR);
  };
}

function hashOf(parts: readonly ((facts: Facts) => string)[], prefix: string, countsRepeats: boolean): Make {
  return (facts, repeats) => {
    const text = parts.map((part) => part(facts)).join(`${SEPARATOR}${SEPARATOR}`);
    const id = prefix + hash('sha256', text, 'base64url').slice(0, ID_CHARS);
    if (!countsRepeats) return id;
    const before = repeats.get(id) ?? 0;
    repeats.set(id, before + 1);
    const oldest = repeats.size > MAX_REPEATS ? repeats.keys().next().value : undefined;
    if (oldest !== undefined) repeats.delete(oldest);
    return before === 0 ? id : `${id}-${before}`;
  };
}

function labelsOf(names: readonly string[], without: ReadonlySet<string>): Make {
  const adders = names.map(labelAdder);
  return (facts) => {
    const labels: Record<string, string> = {};
    for (const add of adders) add(facts, labels);
    for (const name of without) delete labels[name];
    return labels;
  };
}

type AddLabels = (facts: Facts, labels: Record<string, string>) => void;

/** `group:*`: each under its own key; `group:key.*`: the members of that object; else one fact, under its name. */
function labelAdder(name: string): AddLabels {
  if (name.endsWith('*')) {
    const get = name.endsWith(':*') ? ({ groups }: Facts) => groups[name.slice(0, -2)] : factOf(name.slice(0, -2));
    return (facts, labels) => {
      const members = get(facts);
      if (typeof members !== 'object' || members === null || Array.isArray(members)) return;
      for (const [key, value] of Object.entries(members)) setLabel(labels, key, value);
    };
  }
  const get = factOf(name);
  const label = name.slice(name.indexOf(':') + 1);
  return (facts, labels) => setLabel(labels, label, get(facts));
}

function setLabel(labels: Record<string, string>, key: string, value: unknown): void {
  if (value === undefined || value === null || value === '') return;
  // defined and not assigned: a label may be called __proto__
  Object.defineProperty(labels, key, {
    value: textOfFact(value),
    enumerable: true,
    configurable: true,
    writable: true,
  });
}
