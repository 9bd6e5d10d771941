// Reads what `GET /v1/topics/{topic}/events` asks for: from the path, the query and Last-Event-ID. Pure.

import { MdsError } from '../../../schemas/errors.ts';
import { parseClientMessage } from '../../../schemas/frame-reader.ts';
import type { SubscribeMessage } from '../../../schemas/frames.ts';
import { nearestName } from '../../../schemas/nearest-name.ts';
import type { EventsMedia } from './media.ts';

/** Where the events begin. */
export type Start =
  | { readonly kind: 'now' }
  /** With the first one that Kafka still holds. */
  | { readonly kind: 'earliest' }
  /** Behind a resume token. */
  | { readonly kind: 'behind'; readonly token: string };

export interface EventsRequest {
  /** What to subscribe to, without `resume`, which `start` becomes. */
  readonly message: SubscribeMessage;
  readonly start: Start;
}

export interface PollRequest extends EventsRequest {
  /** How long to wait when there is nothing. */
  readonly waitMs: number;
  /** Events of one answer. */
  readonly maxEvents: number;
}

/** There is one subscription on a connection, which nobody has to name. */
export const SUBSCRIPTION_ID = 'events';

const SHARED = ['filter', 'fields', 'overflow', 'key', 'maxRate', 'from', 'ticket'] as const;
/** Of the query. */
export const EVENTS_PARAMETERS: Readonly<Record<EventsMedia, readonly string[]>> = {
  stream: [...SHARED, 'lastEventId'],
  poll: [...SHARED, 'after', 'wait', 'max'],
};

/** 25 s: below the 30 s after which the strictest of usual proxies give up. */
const DEFAULT_WAIT_MS = 25_000;
export const MAX_WAIT_MS = 60_000;
const DEFAULT_MAX_EVENTS = 500;
export const MAX_POLL_EVENTS = 10_000;

/**
 * @param topic as it stands in the path
 * @param lastEventId the header, which a browser sends when it comes back; empty when there is none
 * @throws MdsError `MDS_REQUEST_INVALID` with all problems at once
 */
export function readStreamRequest(topic: string, query: URLSearchParams, lastEventId: string): EventsRequest {
  const problems = problemsOf(query, 'stream');
  const behind = lastEventId || query.get('lastEventId') || '';
  return { message: readMessage(topic, query, problems), start: startOf(query, behind) };
}

/** @throws MdsError `MDS_REQUEST_INVALID` with all problems at once */
export function readPollRequest(topic: string, query: URLSearchParams): PollRequest {
  const problems = problemsOf(query, 'poll');
  const waitMs = readWait(query.get('wait'));
  if (waitMs === null) {
    problems.push(`wait must be a time of at most ${MAX_WAIT_MS / 1000} s, such as 25s or 500ms`);
  }
  const maxEvents = Number(query.get('max') ?? DEFAULT_MAX_EVENTS);
  if (!Number.isInteger(maxEvents) || maxEvents < 1 || maxEvents > MAX_POLL_EVENTS) {
    problems.push(`max must be a whole number from 1 to ${MAX_POLL_EVENTS}`);
  }
  const message = readMessage(topic, query, problems);
  return { message, start: startOf(query, query.get('after') ?? ''), waitMs: waitMs ?? 0, maxEvents };
}

/** What it asks for, whoever asks and wherever it begins: equal texts are equal wishes. */
export function wishText({ topic, filter, fields, overflow, key, maxRate }: SubscribeMessage): string {
  return JSON.stringify([topic, filter, fields, overflow, key, maxRate]);
}

function problemsOf(query: URLSearchParams, media: EventsMedia): string[] {
  const known = EVENTS_PARAMETERS[media];
  const problems: string[] = [];
  for (const name of new Set(query.keys())) {
    if (!known.includes(name)) {
      const near = nearestName(name, known);
      const hint = near === undefined ? `; use ${known.join(', ')}` : ` (did you mean ${near}?)`;
      problems.push(`there is no parameter ${JSON.stringify(name.slice(0, 64))}${hint}`);
    } else if (query.getAll(name).length > 1) {
      problems.push(`${name} stands twice`);
    }
  }
  return problems;
}

/** The same checks as for a message on a WebSocket. */
function readMessage(topic: string, query: URLSearchParams, problems: string[]): SubscribeMessage {
  const filter = query.get('filter');
  const overflow = query.get('overflow');
  const maxRate = query.get('maxRate');
  const fields = listOf(query.get('fields'));
  const key = listOf(query.get('key'));
  const message = {
    type: 'subscribe',
    id: SUBSCRIPTION_ID,
    topic: decodePath(topic, problems),
    ...(filter === null ? {} : { filter }),
    ...(fields === null ? {} : { fields }),
    ...(overflow === null ? {} : { overflow }),
    ...(key === null ? {} : { key }),
    ...(maxRate === null ? {} : { maxRate: maxRate.trim() === '' ? Number.NaN : Number(maxRate) }),
  };
  let parsed: SubscribeMessage | null = null;
  try {
    const read = parseClientMessage(JSON.stringify(message));
    if (read.type === 'subscribe') parsed = read;
  } catch (error) {
    if (!(error instanceof MdsError) || !Array.isArray(error.details.problems)) throw error;
    problems.push(...error.details.problems.map(String));
  }
  if (parsed === null || problems.length > 0) throw new MdsError('MDS_REQUEST_INVALID', { problems });
  return parsed;
}

function decodePath(topic: string, problems: string[]): string {
  try {
    return decodeURIComponent(topic);
  } catch {
    problems.push('the topic in the path is not percent-encoded UTF-8');
    return topic;
  }
}

/** `a,b`: no field path has a comma. */
const listOf = (text: string | null): readonly string[] | null =>
  text === null
    ? null
    : text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== '');

function startOf(query: URLSearchParams, behind: string): Start {
  if (behind !== '') return { kind: 'behind', token: behind };
  const from = query.get('from') ?? 'now';
  if (from === 'now' || from === '') return { kind: 'now' };
  return from === 'earliest' ? { kind: 'earliest' } : { kind: 'behind', token: from };
}

const WAIT = /^(\d{1,6}(?:\.\d{1,3})?)(ms|s)?$/;

function readWait(text: string | null): number | null {
  if (text === null) return DEFAULT_WAIT_MS;
  const [, number, unit = 's'] = WAIT.exec(text.trim()) ?? [];
  if (number === undefined) return null;
  const waitMs = Math.round(Number(number) * (unit === 's' ? 1000 : 1));
  return waitMs <= MAX_WAIT_MS ? waitMs : null;
}
