// The control plane's REST API as typed functions, for the `mds` command, the page and the library's search for edges.
// Every failure is an MdsError: the server's own, or MDS_DEPENDENCY_UNAVAILABLE when nothing that speaks REST answered.

import type { AuditEntry, AuditFilter } from '../../schemas/api/audit.ts';
import type {
  ChangedConfiguration,
  ConfigurationChange,
  ProcessConfiguration,
} from '../../schemas/api/configuration.ts';
import type { ConnectionPage, ConnectionQuery, Disconnected } from '../../schemas/api/connection.ts';
import type { RollupState } from '../../schemas/api/data.ts';
import type {
  DeadLetter,
  DeadLetterFilter,
  InspectedDeadLetter,
  NewRedrive,
  Purged,
  PurgeRequest,
  Redrive,
} from '../../schemas/api/dead-letter.ts';
import type { Evacuation, EvacuationRequest } from '../../schemas/api/edge.ts';
import type { ErrorReport } from '../../schemas/api/error-report.ts';
import type { FilterVerdict } from '../../schemas/api/filter-check.ts';
import type { DistributionHealth } from '../../schemas/api/health.ts';
import type { DeliveryLedger } from '../../schemas/api/ledger.ts';
import type { NewRoute, Route } from '../../schemas/api/route.ts';
import type { WriterSchema } from '../../schemas/api/schema.ts';
import type { EdgeSummary, ServiceStatus } from '../../schemas/api/status.ts';
import type {
  NewSubscription,
  StartPosition,
  Subscription,
  SubscriptionChange,
} from '../../schemas/api/subscription.ts';
import type { NewTopic, Topic } from '../../schemas/api/topic.ts';
import type { SchemaCheck, SchemaVersion, TopicChange, TopicDescription } from '../../schemas/api/topic-management.ts';
import type { Why } from '../../schemas/api/why.ts';
import type { Worker, WorkerDetail } from '../../schemas/api/worker.ts';
import type { ConnectionDetail, ConnectionSummary } from '../../schemas/connection-control.ts';
import type { SlowClients } from '../../schemas/edge-control.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import type { RollupDefinition } from '../../schemas/rollup/definition.ts';
import { mdsErrorOf } from './error-frame.ts';
import type { Fetch } from './runtime.ts';

/** 10 s: creating a topic waits for Kafka and the registry; anything slower is better tried again. */
const REQUEST_TIMEOUT_MS = 10_000;
/** As the API allows (schemas/api/paging.ts, which would bring its schemas into pages). */
const MAX_PAGE_LIMIT = 500;
const MAX_CONNECTION_PAGE = 200;

export interface ExplainOptions {
  readonly fields?: readonly string[];
  /** How many of the last events to try the filter on. */
  readonly events?: number;
}

/** Where in a filter a problem is; offsets count UTF-16 units from 0. */
export interface FilterPlace {
  readonly offset: number;
  readonly line: number;
  readonly column: number;
  readonly length: number;
}

/** @param api base URL of the control plane */
export async function listEdges(api: string, fetch: Fetch): Promise<readonly EdgeSummary[]> {
  return itemsOf<EdgeSummary>(api, await request(api, fetch, 'GET', '/v1/edges'));
}

/** @param api base URL of the control plane */
export async function readWriterSchema(api: string, fetch: Fetch, schemaId: number): Promise<WriterSchema> {
  return (await request(api, fetch, 'GET', `/v1/schemas/${schemaId}`)) as WriterSchema; // the API's contract
}

export class RestClient {
  readonly api: string;
  readonly #fetch: Fetch;
  /** Names one creation, so that sending it twice creates once. */
  readonly #newKey: () => string;

  constructor(api: string, fetch: Fetch = (url, init) => globalThis.fetch(url, init), newKey = randomKey) {
    this.api = api;
    this.#fetch = fetch;
    this.#newKey = newKey;
  }

  status = (): Promise<ServiceStatus> => this.#call('GET', '/v1/status');
  errors = (search: ErrorSearch = {}): Promise<readonly ErrorReport[]> =>
    this.#items(
      `/v1/errors${queryOf({ ...search, hours: search.hours === undefined ? undefined : String(search.hours) })}`,
    );
  /** @param component absent: of all kinds */
  configuration = (component?: string): Promise<readonly ProcessConfiguration[]> =>
    this.#items(`/v1/configuration${queryOf({ component })}`);
  changeConfiguration = (component: string, change: ConfigurationChange): Promise<ChangedConfiguration> =>
    this.#call('PATCH', `/v1/configuration/${encodeURIComponent(component)}`, change);
  health = (): Promise<DistributionHealth> => this.#call('GET', '/v1/health/distribution');
  edges = (): Promise<readonly EdgeSummary[]> => listEdges(this.api, this.#fetch);
  workers = (): Promise<readonly Worker[]> => this.#items('/v1/workers');
  worker = (id: string): Promise<WorkerDetail> => this.#call('GET', `/v1/workers/${encodeURIComponent(id)}`);
  cordonWorker = (id: string, force: boolean): Promise<WorkerDetail> =>
    this.#call('PUT', `/v1/workers/${encodeURIComponent(id)}/cordon`, { force });
  uncordonWorker = (id: string): Promise<WorkerDetail> =>
    this.#call('DELETE', `/v1/workers/${encodeURIComponent(id)}/cordon`);
  slowClients = (edgeId: string): Promise<SlowClients> =>
    this.#call('GET', `/v1/edges/${encodeURIComponent(edgeId)}/slow-clients`);
  evacuate = (edgeId: string, wish: EvacuationRequest): Promise<Evacuation> =>
    this.#call('POST', `/v1/edges/${encodeURIComponent(edgeId)}/evacuate`, wish);
  callOffEvacuation = (edgeId: string): Promise<{ readonly edgeId: string }> =>
    this.#call('DELETE', `/v1/edges/${encodeURIComponent(edgeId)}/evacuate`);
  /** As many as `limit`, over all pages. */
  connections = async (search: ConnectionSearch, limit: number): Promise<ConnectionPage> => {
    const items: ConnectionSummary[] = [];
    const missing = new Set<string>();
    let pageToken: string | undefined;
    do {
      const query = queryOf({
        ...textsOf(search),
        limit: String(Math.min(MAX_CONNECTION_PAGE, limit - items.length)),
        pageToken,
      });
      const page = await this.#call<ConnectionPage>('GET', `/v1/connections${query}`);
      items.push(...page.items);
      for (const edge of page.missingEdges) missing.add(edge);
      pageToken = page.nextPageToken ?? undefined;
    } while (pageToken !== undefined && items.length < limit);
    return { items, nextPageToken: pageToken ?? null, missingEdges: [...missing] };
  };
  /** @param id edge/number */
  connection = (id: string): Promise<ConnectionDetail> => this.#call('GET', `/v1/connections/${pathOf(id)}`);
  disconnect = (id: string, resume: boolean): Promise<void> =>
    this.#call('DELETE', `/v1/connections/${pathOf(id)}?resume=${resume}`);
  disconnectAll = (filter: ConnectionSearch, resume: boolean): Promise<Disconnected> =>
    this.#call('POST', '/v1/connections/disconnect', { filter, resume });
  topics = (): Promise<readonly Topic[]> => this.#listAll('/v1/topics');
  writerSchema = (schemaId: number): Promise<WriterSchema> => readWriterSchema(this.api, this.#fetch, schemaId);
  topic = (name: string): Promise<Topic> => this.#call('GET', `/v1/topics/${encodeURIComponent(name)}`);
  createTopic = (topic: NewTopic): Promise<Topic> => this.#call('POST', '/v1/topics', topic);
  changeTopic = (name: string, change: TopicChange): Promise<Topic> =>
    this.#call('PATCH', `/v1/topics/${encodeURIComponent(name)}`, change);
  describeTopic = (name: string): Promise<TopicDescription> =>
    this.#call('GET', `/v1/topics/${encodeURIComponent(name)}/description`);
  schemaVersions = (name: string): Promise<readonly SchemaVersion[]> =>
    this.#listAll(`/v1/topics/${encodeURIComponent(name)}/schemas`);
  checkSchema = (name: string, schema: SchemaJson): Promise<SchemaCheck> =>
    this.#call('POST', `/v1/topics/${encodeURIComponent(name)}/schemas/check`, { schema });
  addSchema = (name: string, schema: SchemaJson, acceptBrokenFilters: boolean): Promise<SchemaCheck> =>
    this.#call('POST', `/v1/topics/${encodeURIComponent(name)}/schemas`, { schema, acceptBrokenFilters });
  deleteTopic = (name: string): Promise<void> => this.#call('DELETE', `/v1/topics/${encodeURIComponent(name)}`);
  checkFilter = (topic: string, filter: string, fields?: readonly string[]): Promise<FilterVerdict> =>
    this.#call('POST', '/v1/filters/check', { topic, filter, ...(fields ? { fields } : {}) });
  /** Takes about a second: a stream worker tries the filter on the last events. */
  explainFilter = (topic: string, filter: string, options: ExplainOptions = {}): Promise<FilterVerdict> =>
    this.#call('POST', '/v1/filters/check', { topic, filter, explain: true, ...options });
  /** What became of one event for a durable subscription, by name or id. */
  why = (subscription: string, event: { readonly cursor: string } | { readonly event: string }): Promise<Why> =>
    this.#call('GET', `/v1/subscriptions/${encodeURIComponent(subscription)}/why?${new URLSearchParams(event)}`);
  /** What the aggregates of a topic are made of; they themselves are a DataClient's. */
  rollup = (topic: string): Promise<RollupState> => this.#call('GET', `/v1/topics/${encodeURIComponent(topic)}/rollup`);
  /** The new rollup counts what Kafka holds anew; what the one before has gathered goes. */
  chooseRollup = (topic: string, definition: RollupDefinition): Promise<RollupState> =>
    this.#call('PUT', `/v1/topics/${encodeURIComponent(topic)}/rollup`, definition);
  routes = (): Promise<readonly Route[]> => this.#listAll('/v1/routes');
  route = (id: string): Promise<Route> => this.#call('GET', `/v1/routes/${encodeURIComponent(id)}`);
  createRoute = (route: NewRoute): Promise<Route> => this.#call('POST', '/v1/routes', route);
  deleteRoute = (id: string): Promise<void> => this.#call('DELETE', `/v1/routes/${encodeURIComponent(id)}`);
  subscriptions = (): Promise<readonly Subscription[]> => this.#listAll('/v1/subscriptions');
  /** By id or name. */
  subscription = (id: string): Promise<Subscription> =>
    this.#call('GET', `/v1/subscriptions/${encodeURIComponent(id)}`);
  createSubscription = (subscription: NewSubscription): Promise<Subscription> =>
    this.#call('POST', '/v1/subscriptions', subscription);
  deleteSubscription = (id: string): Promise<void> =>
    this.#call('DELETE', `/v1/subscriptions/${encodeURIComponent(id)}`);
  changeSubscription = (id: string, change: SubscriptionChange): Promise<Subscription> =>
    this.#call('PATCH', `/v1/subscriptions/${encodeURIComponent(id)}`, change);
  pauseSubscription = (id: string): Promise<Subscription> =>
    this.#call('POST', `/v1/subscriptions/${encodeURIComponent(id)}/pause`);
  resumeSubscription = (id: string): Promise<Subscription> =>
    this.#call('POST', `/v1/subscriptions/${encodeURIComponent(id)}/resume`);
  seekSubscription = (id: string, to: StartPosition): Promise<Subscription> =>
    this.#call('POST', `/v1/subscriptions/${encodeURIComponent(id)}/seek`, { to });
  /** @param from RFC 3339; default: an hour before `to` @param to default: now */
  ledger = (id: string, from?: string, to?: string): Promise<DeliveryLedger> =>
    this.#call('GET', `/v1/subscriptions/${encodeURIComponent(id)}/ledger${queryOf({ from, to })}`);
  /** Newest first, asked for page by page while they are read. */
  auditEntries = (search: AuditFilter, limit?: number): AsyncGenerator<AuditEntry> =>
    this.#pages<AuditEntry>('/v1/audit', { ...search }, limit);
  /** Newest first. */
  deadLetters = (
    search: DeadLetterFilter & { readonly state?: DeadLetter['state'] },
    limit: number,
  ): Promise<readonly DeadLetter[]> => this.#listAll('/v1/dead-letters', search, limit);
  deadLetter = (id: string): Promise<InspectedDeadLetter> =>
    this.#call('GET', `/v1/dead-letters/${encodeURIComponent(id)}`);
  redriveDeadLetter = (id: string): Promise<DeadLetter> =>
    this.#call('POST', `/v1/dead-letters/${encodeURIComponent(id)}/redrive`);
  redriveDeadLetters = (wish: NewRedrive): Promise<Redrive> => this.#call('POST', '/v1/dead-letters/redrive', wish);
  redrive = (id: string): Promise<Redrive> => this.#call('GET', `/v1/dead-letters/redrives/${encodeURIComponent(id)}`);
  cancelRedrive = (id: string): Promise<Redrive> =>
    this.#call('POST', `/v1/dead-letters/redrives/${encodeURIComponent(id)}/cancel`);
  purgeDeadLetter = (id: string): Promise<void> => this.#call('DELETE', `/v1/dead-letters/${encodeURIComponent(id)}`);
  purgeDeadLetters = (wish: PurgeRequest): Promise<Purged> => this.#call('POST', '/v1/dead-letters/purge', wish);

  async #call<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    const key = method === 'POST' ? this.#newKey() : undefined;
    return (await request(this.api, this.#fetch, method, path, body, key)) as Answer; // the API's contract
  }

  /** Of a list that has no pages. */
  async #items<Item>(path: string): Promise<readonly Item[]> {
    return itemsOf<Item>(this.api, await this.#call('GET', path));
  }

  /** Follows the page tokens to the end, or until there are `limit`. */
  async #listAll<Item>(path: string, search: Query = {}, limit = Number.POSITIVE_INFINITY): Promise<readonly Item[]> {
    const items: Item[] = [];
    for await (const item of this.#pages<Item>(path, search, limit)) items.push(item);
    return items;
  }

  async *#pages<Item>(path: string, search: Query, limit = Number.POSITIVE_INFINITY): AsyncGenerator<Item> {
    let count = 0;
    let pageToken: string | undefined;
    do {
      const pageLimit = Number.isFinite(limit) ? String(Math.min(MAX_PAGE_LIMIT, limit - count)) : undefined;
      const query = queryOf({ ...search, limit: pageLimit, pageToken });
      const page: unknown = await request(this.api, this.#fetch, 'GET', `${path}${query}`);
      for (const item of itemsOf<Item>(this.api, page)) {
        count++;
        yield item;
      }
      pageToken = isObject(page) && typeof page.nextPageToken === 'string' ? page.nextPageToken : undefined;
    } while (pageToken !== undefined && count < limit);
  }
}

interface ErrorSearch {
  readonly hours?: number | undefined;
  readonly code?: string | undefined;
  readonly component?: string | undefined;
  readonly topic?: string | undefined;
  readonly tenant?: string | undefined;
}
type SchemaJson = Readonly<Record<string, unknown>>;
type ConnectionSearch = Omit<ConnectionQuery, 'limit' | 'pageToken'>;

const textsOf = (search: ConnectionSearch): Query =>
  Object.fromEntries(Object.entries(search).map(([name, value]) => [name, String(value)]));

const pathOf = (id: string): string => id.split('/').map(encodeURIComponent).join('/');

type Query = Readonly<Record<string, string | undefined>>;

/** @returns '' or a query with its question mark */
export function queryOf(values: Query): string {
  const given = Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}

export async function request(
  api: string,
  fetch: Fetch,
  method: string,
  path: string,
  body?: unknown,
  idempotencyKey?: string,
): Promise<unknown> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (idempotencyKey !== undefined) headers['idempotency-key'] = idempotencyKey;
  let response: Response;
  let text: string;
  try {
    response = await fetch(`${api.replace(/\/+$/, '')}${path}`, {
      method,
      headers,
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    text = await response.text();
  } catch (error) {
    throw unavailable(api, deepestReason(error), error);
  }
  const answer = text === '' ? undefined : jsonOf(text);
  if (response.ok) {
    if (text !== '' && answer === undefined) throw unavailable(api, 'its answer is not JSON');
    return answer;
  }
  if (isObject(answer) && typeof answer.code === 'string') {
    throw mdsErrorOf(answer.code, String(answer.detail ?? answer.title ?? answer.code), answer);
  }
  throw unavailable(api, `it answered ${method} ${path} with HTTP ${response.status}`);
}

function itemsOf<Item>(api: string, page: unknown): readonly Item[] {
  if (!isObject(page) || !Array.isArray(page.items)) throw unavailable(api, 'its answer has no items');
  return page.items;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the caller says that the answer is not JSON
  }
}

/** Node's fetch says only "fetch failed"; what happened stands in its cause. */
const deepestReason = (error: unknown): string =>
  error instanceof Error && error.cause instanceof Error && error.cause.message !== ''
    ? error.cause.message
    : reasonOf(error);

const unavailable = (api: string, reason: string, cause?: unknown): MdsError =>
  new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: `The API at ${api}`, reason }, { cause });

/** The place and the suggestion of a filter error, where it has them: their shape is not fixed by the API. */
export function filterHints(error: { readonly at?: unknown; readonly didYouMean?: unknown }): {
  readonly at: FilterPlace | null;
  readonly didYouMean: string | null;
} {
  const { at, didYouMean } = error;
  const isPlace =
    isObject(at) && [at.offset, at.line, at.column, at.length].every((value) => Number.isSafeInteger(value));
  return {
    at: isPlace ? (at as unknown as FilterPlace) : null, // checked above
    didYouMean: typeof didYouMean === 'string' ? didYouMean : null,
  };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Not crypto.randomUUID: pages served over plain HTTP from another host do not have it. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
