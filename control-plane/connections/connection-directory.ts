// Client connections of all edges, as one list: in order of edges and of the numbers they gave, so that a page token stays
// valid while clients come and go.

import type { Redis } from '../../platform/redis.ts';
import type { ConnectionPage, Disconnected } from '../../schemas/api/connection.ts';
import type { ConnectionAsk, ConnectionDetail, ConnectionFilter } from '../../schemas/connection-control.ts';
import type { RedisKeys } from '../../schemas/coordination.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import { readFleet } from '../status/fleet.ts';
import type { EdgeAnswers, EdgeQuestions } from './edge-questions.ts';

export interface ConnectionPlace {
  readonly edgeId: string;
  readonly number: number;
}

/** A filter over all edges or one of them. */
export interface Wanted extends ConnectionFilter {
  readonly edge?: string;
}

export interface ListedConnections extends Pick<ConnectionPage, 'items' | 'missingEdges'> {
  /** Id of the last one, when there are more behind it. */
  readonly next: string | null;
}

export interface ConnectionDirectoryParts {
  readonly redis: Redis;
  readonly keys: RedisKeys;
  readonly questions: Pick<EdgeQuestions, 'ask'>;
}

export class ConnectionDirectory {
  readonly #parts: ConnectionDirectoryParts;

  constructor(parts: ConnectionDirectoryParts) {
    this.#parts = parts;
  }

  /** @throws MdsError `MDS_DEPENDENCY_UNAVAILABLE` or `MDS_EDGES_BUSY` */
  async list({ edge, ...filter }: Wanted, after: ConnectionPlace | null, limit: number): Promise<ListedConnections> {
    const edgeIds = (await this.#edgeIds(edge)).filter((id) => after === null || id >= after.edgeId);
    const { answers, missingEdges } = await this.#ask(edgeIds, { kind: 'list', filter, after, limit: limit + 1 });
    const found = answers.flatMap(({ items }) => items);
    const items = found.slice(0, limit);
    const last = items.at(-1);
    const isMore = found.length > limit && last !== undefined;
    return { items, next: isMore ? last.id : null, missingEdges: [...missingEdges] };
  }

  /**
   * @param tenant null: of any
   * @throws MdsError `MDS_NOT_FOUND`, also for a connection of another tenant
   */
  async show({ edgeId, number }: ConnectionPlace, tenant: string | null): Promise<ConnectionDetail> {
    const { answers, missingEdges } = await this.#askOne(edgeId, { kind: 'show', number, tenant });
    const detail = answers[0]?.detail ?? null;
    if (detail !== null) return detail;
    throw notFound(edgeId, number, missingEdges);
  }

  /** @throws MdsError `MDS_NOT_FOUND`, also for a connection of another tenant */
  async disconnect({ edgeId, number }: ConnectionPlace, tenant: string | null, mayResume: boolean): Promise<void> {
    const { answers, missingEdges } = await this.#askOne(edgeId, { kind: 'disconnect', number, tenant, mayResume });
    if ((answers[0]?.disconnected ?? 0) === 0) throw notFound(edgeId, number, missingEdges);
  }

  async disconnectAll({ edge, ...filter }: Wanted, mayResume: boolean): Promise<Disconnected> {
    const edgeIds = await this.#edgeIds(edge);
    const { answers, missingEdges } = await this.#ask(edgeIds, { kind: 'disconnect-all', filter, mayResume });
    const disconnected = answers.reduce((sum, answer) => sum + answer.disconnected, 0);
    return { disconnected, missingEdges: [...missingEdges] };
  }

  async #askOne(edgeId: string, ask: ConnectionAsk): Promise<EdgeAnswers> {
    return this.#ask(await this.#edgeIds(edgeId), ask);
  }

  #ask(edgeIds: readonly string[], ask: ConnectionAsk): Promise<EdgeAnswers> {
    return orUnavailable(() => this.#parts.questions.ask(edgeIds, ask));
  }

  /** @param only absent: all that run; none when that one does not */
  async #edgeIds(only: string | undefined): Promise<string[]> {
    const { redis, keys } = this.#parts;
    const { edges } = await orUnavailable(() => readFleet(redis, keys));
    const ids = edges.map(({ edgeId }) => edgeId).sort(byCodeUnits);
    return only === undefined ? ids : ids.filter((id) => id === only);
  }
}

/** As `>=` compares, which page tokens are used with. */
const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** An edge that does not answer may have it. */
function notFound(edgeId: string, number: number, missingEdges: readonly string[]): MdsError {
  if (missingEdges.length === 0)
    return new MdsError('MDS_NOT_FOUND', { what: 'connection', id: `${edgeId}/${number}` });
  return new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: `Edge ${edgeId}`, reason: 'it does not answer' });
}

/** @returns null when the text is no connection's id */
export function placeOf(id: string): ConnectionPlace | null {
  const slash = id.lastIndexOf('/');
  const number = Number(id.slice(slash + 1));
  if (slash < 1 || !Number.isSafeInteger(number) || number < 0) return null;
  return { edgeId: id.slice(0, slash), number };
}

async function orUnavailable<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (cause) {
    if (cause instanceof MdsError) throw cause;
    throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'Redis', reason: reasonOf(cause) }, { cause });
  }
}
