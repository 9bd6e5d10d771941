// What an edge answers when it is asked about its clients. Pure but for the clients that are closed.

import { CLOSE_CODES } from '../../../schemas/close-codes.ts';
import {
  type ConnectionAnswer,
  type ConnectionAsk,
  type ConnectionDetail,
  type ConnectionFilter,
  type ConnectionQuestion,
  type ConnectionSummary,
  isSlow,
  MAX_SHOWN_SUBSCRIPTIONS,
  MAX_SHOWN_TOPICS,
  type SubscriptionView,
} from '../../../schemas/connection-control.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { InspectedConnection, Slowness } from './inspected.ts';

export interface Inspection {
  readonly edgeId: string;
  readonly connections: Iterable<InspectedConnection>;
  readonly slownessOf: (connection: InspectedConnection) => Slowness;
}

/** @returns null when this edge is not asked */
export function answerTo(question: ConnectionQuestion, inspection: Inspection): ConnectionAnswer | null {
  const { requestId, edgeIds, ask } = question;
  const { edgeId } = inspection;
  if (!edgeIds.includes(edgeId)) return null;
  return { requestId, edgeId, items: [], detail: null, disconnected: 0, ...partOf(ask, inspection) };
}

function partOf(
  ask: ConnectionAsk,
  inspection: Inspection,
): Partial<Pick<ConnectionAnswer, 'items' | 'detail' | 'disconnected'>> {
  switch (ask.kind) {
    case 'list':
      return { items: listed(ask, inspection) };
    case 'show': {
      const found = foundBy(ask, inspection);
      return { detail: found === null ? null : detailOf(found, inspection) };
    }
    case 'disconnect': {
      const found = foundBy(ask, inspection);
      if (found !== null) disconnect(found, ask.mayResume);
      return { disconnected: found === null ? 0 : 1 };
    }
    case 'disconnect-all': {
      const found = [...inspection.connections].filter((one) => matches(one, ask.filter, inspection));
      for (const connection of found) disconnect(connection, ask.mayResume);
      return { disconnected: found.length };
    }
  }
}

function listed(
  { filter, after, limit }: Extract<ConnectionAsk, { kind: 'list' }>,
  inspection: Inspection,
): ConnectionSummary[] {
  const behind = after?.edgeId === inspection.edgeId ? after.number : -1;
  const found: InspectedConnection[] = [];
  for (const connection of inspection.connections) {
    if (connection.number > behind && matches(connection, filter, inspection)) found.push(connection);
  }
  found.sort((a, b) => a.number - b.number);
  return found.slice(0, limit).map((connection) => summaryOf(connection, connection.views(), inspection));
}

function foundBy(
  { number, tenant }: { readonly number: number; readonly tenant: string | null },
  { connections }: Inspection,
): InspectedConnection | null {
  for (const connection of connections) {
    if (connection.number !== number) continue;
    return tenant === null || connection.identity.tenant === tenant ? connection : null;
  }
  return null;
}

/** Looks at the subscriptions last: most connections are decided without them. */
function matches(
  connection: InspectedConnection,
  { tenant, subject, topic, slow }: ConnectionFilter,
  { slownessOf }: Inspection,
): boolean {
  const { identity } = connection;
  if (tenant !== undefined && identity.tenant !== tenant) return false;
  if (subject !== undefined && identity.subject !== subject) return false;
  if (slow === true && !isSlow(slownessOf(connection))) return false;
  return topic === undefined || connection.topics().has(topic);
}

function summaryOf(
  connection: InspectedConnection,
  views: readonly SubscriptionView[],
  { edgeId, slownessOf }: Inspection,
): ConnectionSummary {
  const { id, number, identity, peer, door, format, openedAtMs, bufferedBytes, sentBytes } = connection;
  const { tenant, subject } = identity;
  const { worstBufferedBytes, behindSinceMs } = slownessOf(connection);
  const latencies = views.map(({ latencyMs }) => latencyMs).filter((latency) => latency !== null);
  return {
    ...{ id, edgeId, number, tenant, subject, peer, door, format, openedAtMs, bufferedBytes, sentBytes },
    subscriptions: views.length,
    topics: [...connection.topics()].sort().slice(0, MAX_SHOWN_TOPICS),
    deliveredEvents: views.reduce((sum, { deliveredEvents }) => sum + deliveredEvents, 0),
    latencyMs: latencies.length === 0 ? null : Math.max(...latencies),
    worstBufferedBytes: Math.max(worstBufferedBytes, bufferedBytes),
    behindSinceMs,
  };
}

function detailOf(connection: InspectedConnection, inspection: Inspection): ConnectionDetail {
  const views = connection.views();
  const { droppedEvents, conflatedEvents } = inspection.slownessOf(connection);
  const shown = views.slice(0, MAX_SHOWN_SUBSCRIPTIONS);
  return { ...summaryOf(connection, views, inspection), droppedEvents, conflatedEvents, shown };
}

function disconnect(connection: InspectedConnection, mayResume: boolean): void {
  if (mayResume) connection.close(CLOSE_CODES.DISCONNECTED, new MdsError('MDS_DISCONNECTED'));
  else connection.close(CLOSE_CODES.DISCONNECTED_FOR_GOOD, new MdsError('MDS_DISCONNECTED_FOR_GOOD'));
}
