// Every way in which the REST API could be asked for another tenant's things, made from its OpenAPI document: each operation
// with their ids in its path, and with their names in its query and its body, one at a time and all together. Pure.
//
// An operation with a parameter in its path must say here whose thing that is; one that does not is an error, so that no
// new operation stays out.

import type { ApiDocument, ApiOperation } from '../../../platform/openapi/complete-document.ts';
import { BODIES, QUERIES } from './requests.ts';

export const RESOURCES = [
  ...(['topic', 'target', 'subscription', 'route', 'deadLetter', 'redrive', 'key', 'tenant', 'issuer'] as const),
  ...(['schema', 'edge', 'connection', 'worker', 'component'] as const),
];
export type Resource = (typeof RESOURCES)[number];
/** The id or name of each. */
export type Ids = Readonly<Record<Resource, string>>;

/** What the parameters of a path mean, by the beginning of the path; the first that fits. */
const PATHS: readonly (readonly [prefix: string, parameters: Readonly<Record<string, Resource>>])[] = [
  ['/v1/dead-letters/redrives/{id}', { id: 'redrive' }],
  ['/v1/dead-letters/{id}', { id: 'deadLetter' }],
  ['/v1/topics/{name}', { name: 'topic' }],
  ['/v1/topics/{topic}', { topic: 'topic' }],
  ['/v1/subscriptions/{id}', { id: 'subscription' }],
  ['/v1/routes/{id}', { id: 'route' }],
  ['/v1/keys/{id}', { id: 'key' }],
  ['/v1/tenants/{id}', { id: 'tenant' }],
  ['/v1/issuers/{id}', { id: 'issuer' }],
  ['/v1/schemas/{schemaId}', { schemaId: 'schema' }],
  ['/v1/edges/{id}', { id: 'edge' }],
  ['/v1/workers/{id}', { id: 'worker' }],
  ['/v1/configuration/{component}', { component: 'component' }],
  ['/v1/otlp/{topic}', { topic: 'topic' }],
  ['/v1/prometheus/{topic}', { topic: 'topic' }],
  ['/v1/alertmanager/{topic}', { topic: 'topic' }],
  ['/v1/connections/{edgeId}/{number}', { edgeId: 'edge', number: 'connection' }],
];

/** What members of queries and bodies mean, wherever they stand. */
const WORDS: Readonly<Record<string, Resource>> = {
  topic: 'topic',
  topics: 'topic',
  target: 'target',
  subscription: 'subscription',
  tenant: 'tenant',
  issuer: 'issuer',
  fixed: 'tenant',
};

export interface Attempt {
  readonly name: string;
  /** As the document has it: `GET /v1/topics/{name}`. */
  readonly operation: string;
  readonly method: string;
  /** With ids of `ids`. */
  readonly path: (ids: Ids) => string;
  readonly body: ((ids: Ids) => unknown) | null;
  readonly contentType: string;
  /** Which process answers it; undefined: the control plane. */
  readonly door: string | undefined;
  /** Whether it is about one thing of theirs; else it is about whatever the asker may see. */
  readonly isAimed: boolean;
}

/** @throws Error that names each operation whose path has a parameter with no meaning here */
export function attemptsOf({ paths }: ApiDocument): Attempt[] {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const unknown = operations.filter(({ path }) => path.includes('{') && meaningOf(path) === null);
  if (unknown.length > 0) {
    const names = unknown.map(({ method, path }) => `${method} ${path}`);
    throw new Error(`say in attempts.ts whose things these are about: ${names.join(', ')}`);
  }
  return operations.flatMap(({ path, method, operation }) => attemptsAt(path, method, operation));
}

const meaningOf = (path: string): Readonly<Record<string, Resource>> | null =>
  PATHS.find(([prefix]) => path === prefix || path.startsWith(`${prefix}/`))?.[1] ?? null;

function attemptsAt(path: string, method: string, operation: ApiOperation): Attempt[] {
  const meaning = meaningOf(path) ?? {};
  const [contentType = '', media] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  const name = `${method.toUpperCase()} ${path}`;
  const example = BODIES[name] ?? media?.example;
  const body = example === undefined ? null : () => example;
  const filled = (ids: Ids): string =>
    path.replace(/\{(\w+)\}/g, (_all, name: string) => encodeURIComponent(ids[meaning[name] ?? 'topic']));
  const query = QUERIES[name];
  const at = (ids: Ids): string => (query === undefined ? filled(ids) : `${filled(ids)}?${query}`);
  const door = operation['x-door'];
  const isAimed = path.includes('{');
  const common = { operation: name, method: method.toUpperCase(), contentType, door };
  const plain: Attempt = { ...common, name, path: at, body, isAimed };
  const named = (operation.parameters ?? []).filter((one) => one.in === 'query' && one.name in WORDS);
  const queries = named.map(({ name: word }): Attempt => {
    const asked = (ids: Ids): string => `${at(ids)}?${word}=${encodeURIComponent(ids[WORDS[word] ?? 'topic'])}`;
    return { ...plain, name: `${name}?${word}`, path: asked, isAimed: true };
  });
  const words = [...wordsIn(example)];
  const bodies = words.map((word): Attempt => {
    return { ...plain, name: `${name} with ${word}`, body: (ids) => put(example, [word], ids), isAimed: true };
  });
  const all: Attempt = { ...plain, name: `${name} with all`, body: (ids) => put(example, words, ids), isAimed: true };
  return [plain, ...queries, ...bodies, ...(words.length > 1 ? [all] : [])];
}

/** The members of a body, however deep, that mean something of somebody's. */
function wordsIn(value: unknown): Set<string> {
  if (Array.isArray(value)) return new Set(value.flatMap((item) => [...wordsIn(item)]));
  if (typeof value !== 'object' || value === null) return new Set();
  return new Set(
    Object.entries(value).flatMap(([name, member]) => [...(isNaming(name, member) ? [name] : []), ...wordsIn(member)]),
  );
}

/** `topics` are names in a grant, and a number among quotas. */
const isNaming = (name: string, member: unknown): boolean =>
  name in WORDS && (Array.isArray(member) || typeof member === 'string');

function put(value: unknown, words: readonly string[], ids: Ids): unknown {
  if (Array.isArray(value)) return value.map((item) => put(item, words, ids));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => {
      const resource = words.includes(name) && isNaming(name, member) ? WORDS[name] : undefined;
      if (resource === undefined) return [name, put(member, words, ids)];
      return [name, Array.isArray(member) ? [ids[resource]] : ids[resource]];
    }),
  );
}
