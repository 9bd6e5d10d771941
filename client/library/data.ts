// Data access as typed functions: aggregates and latest values of topics, from a query process.

import type {
  AggregateAnswer,
  AggregateRequest,
  LatestAnswer,
  LatestQuery,
  RecentAnswer,
  RecentQuery,
} from '../../schemas/api/data.ts';
import { queryOf, request } from './rest.ts';
import type { Fetch } from './runtime.ts';

export type AggregateOptions = Omit<AggregateRequest, 'format'>;
export type LatestOptions = Omit<LatestQuery, 'format' | 'group'> & { readonly group?: readonly string[] };

export type RecentOptions = Omit<RecentQuery, 'format'>;

/**
 * ```ts
 * const data = new DataClient('http://127.0.0.1:9438');
 * const { rows } = await data.aggregate('host.metrics', { functions: ['p99'], groupBy: ['service'], window: '1m' });
 * ```
 */
export class DataClient {
  readonly url: string;
  readonly #fetch: Fetch;

  /** @param url of a query process, or of what stands before several */
  constructor(url: string, fetch: Fetch = (url, init) => globalThis.fetch(url, init)) {
    this.url = url;
    this.#fetch = fetch;
  }

  aggregate = (topic: string, options: AggregateOptions = {}): Promise<AggregateAnswer> =>
    this.#call('POST', topic, 'aggregate', options);

  latest = (topic: string, { group, ...options }: LatestOptions = {}): Promise<LatestAnswer> =>
    this.#call('GET', topic, `latest${queryOf({ ...options, group: group?.join(',') })}`);

  /** One answer; it may have no events and a cursor, with which the next one goes on. */
  recent = (topic: string, { limit, ...options }: RecentOptions = {}): Promise<RecentAnswer> =>
    this.#call('GET', topic, `recent${queryOf({ ...options, limit: limit?.toString() })}`);

  async #call<Answer>(method: string, topic: string, rest: string, body?: unknown): Promise<Answer> {
    const path = `/v1/topics/${encodeURIComponent(topic)}/${rest}`;
    return (await request(this.url, this.#fetch, method, path, body)) as Answer; // the API's contract
  }
}
