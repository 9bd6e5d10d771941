// Centrifugo's client protocol, JSON form, as far as the peer suite speaks it, and its server API commands. Pure.
// Source: centrifugal.dev, "Client protocol", "Server API", "Channel publication filtering"; commands and replies are JSON
// objects, several in one message with line feeds between; `{}` is a ping and its answer.

/** A filter on a publication's tags, evaluated by Centrifugo. */
export type TagsFilter =
  | { readonly key: string; readonly cmp: 'eq' | 'sw' | 'ct' | 'gt' | 'gte' | 'lt' | 'lte'; readonly val: string }
  | { readonly op: 'and' | 'or' | 'not'; readonly nodes: readonly TagsFilter[] };

export const connectCommand = (id: number, token?: string): string =>
  JSON.stringify({ id, connect: token === undefined ? {} : { token } });

export const subscribeCommand = (id: number, channel: string, filter?: TagsFilter): string =>
  JSON.stringify({ id, subscribe: { channel, ...(filter ? { tf: filter } : {}) } });

/** What a client answers to a ping. */
export const PONG = '{}';

export interface Publication {
  readonly channel: string;
  /** JSON as it was published; `tags` travel beside it. */
  readonly data: unknown;
  readonly tags?: Readonly<Record<string, string>>;
}

/** Body of a POST to `/api/batch`: many publications in one request, done in order. */
export const batchRequest = (publications: readonly Publication[]): string =>
  JSON.stringify({ commands: publications.map((publication) => ({ publish: publication })) });

/** Value of a Kafka record for Centrifugo's own consumer. */
export const kafkaCommand = (publication: Publication): string =>
  JSON.stringify({ method: 'publish', payload: publication });

/** One line of a message from the server. */
export type Reply =
  | { readonly kind: 'ping' }
  | { readonly kind: 'publication'; readonly data: unknown }
  | { readonly kind: 'answer'; readonly id: number }
  | { readonly kind: 'refused'; readonly id: number; readonly reason: string }
  | { readonly kind: 'other' };

/** @throws Error when a line is not a JSON object */
export function readReplies(message: string): Reply[] {
  return message
    .split('\n')
    .filter((line) => line !== '')
    .map(readReply);
}

function readReply(line: string): Reply {
  const reply: unknown = JSON.parse(line);
  if (!isObject(reply)) throw new Error(`Centrifugo sent ${line.slice(0, 100)}`);
  if (Object.keys(reply).length === 0) return { kind: 'ping' };
  const { push, error } = reply;
  const id = typeof reply.id === 'number' ? reply.id : 0;
  if (isObject(error)) return { kind: 'refused', id, reason: `${error.code} ${error.message}` };
  if (isObject(push)) return isObject(push.pub) ? { kind: 'publication', data: push.pub.data } : { kind: 'other' };
  return id > 0 ? { kind: 'answer', id } : { kind: 'other' };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
