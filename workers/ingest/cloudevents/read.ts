// CloudEvents 1.0 over HTTP in its three modes, as facts: one event each. Source: cloudevents/spec 1.0.2, HTTP and JSON
// bindings.

import { type CloudEvent, HTTP, ValidationError } from 'cloudevents';
import { MdsError, reasonOf } from '../../../schemas/errors.ts';
import { textOf } from '../event-reader.ts';
import type { Facts } from '../mapping/facts.ts';

/** Header names in lower case, as Node gives them. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

const STRUCTURED = 'application/cloudevents+json';
const BATCH = 'application/cloudevents-batch+json';

/** What the SDK gives as members of its own; everything else an event has are extensions. */
const ATTRIBUTES = new Set([
  ...['specversion', 'id', 'source', 'type', 'subject', 'time', 'dataschema', 'datacontenttype', 'schemaurl'],
  ...['data', 'data_base64'],
]);

export const isCloudEvent = (mediaType: string, headers: Headers): boolean =>
  mediaType === STRUCTURED || mediaType === BATCH || headers['ce-specversion'] !== undefined;

/** One event of a request, or what is wrong with it. */
export type ReadEvent = { readonly facts: Facts } | { readonly problem: MdsError };

/** @throws MdsError `MDS_REQUEST_INVALID` when no event can be told from the request */
export function readCloudEvents(headers: Headers, body: Buffer, mediaType: string, nowMicros: number): ReadEvent[] {
  const items = itemsOf(headers, body, mediaType);
  return items.map((read, index) => {
    try {
      const event = read();
      event.validate();
      return { facts: factsOf(event, nowMicros) };
    } catch (cause) {
      const reason = problemOf(cause);
      return { problem: new MdsError('MDS_EVENT_INVALID', { index, path: '$', reason }, { cause }) };
    }
  });
}

/** A batch's events one by one, since the SDK would refuse all for one of them. */
function itemsOf(headers: Headers, body: Buffer, mediaType: string): (() => CloudEvent<unknown>)[] {
  const text = textOf(body);
  if (mediaType !== BATCH && mediaType !== STRUCTURED) {
    return [() => eventOf(plainHeaders(headers), text, headers['ce-id'])];
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw invalid(`the body is not JSON: ${reasonOf(cause)}`, cause);
  }
  if (mediaType === STRUCTURED) return [() => structured(json, text)];
  if (!Array.isArray(json)) throw invalid('a batch is a JSON array of events');
  return json.map((event) => () => structured(event, JSON.stringify(event)));
}

const structured = (json: unknown, text: string): CloudEvent<unknown> =>
  eventOf({ 'content-type': STRUCTURED }, text, typeof json === 'object' && json !== null && 'id' in json && json.id);

const invalid = (problem: string, cause?: unknown): MdsError =>
  new MdsError('MDS_REQUEST_INVALID', { problems: [problem] }, { cause });

/** @param id as it was sent: the SDK gives an event without one a random id, by which nobody could know it again */
function eventOf(headers: Record<string, string>, body: string, id: unknown): CloudEvent<unknown> {
  if (typeof id !== 'string' || id === '') throw new TypeError('it is no CloudEvent: it has no id');
  const event = HTTP.toEvent({ headers, body });
  if (Array.isArray(event)) throw new TypeError('it is a batch, with another content type');
  return event as CloudEvent<unknown>; // not a list of them
}

const plainHeaders = (headers: Headers): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  );

function problemOf(thrown: unknown): string {
  if (!(thrown instanceof ValidationError) || !Array.isArray(thrown.errors)) return reasonOf(thrown);
  const problems = thrown.errors.map((error) =>
    typeof error === 'string' ? error : `${error.instancePath || '$'} ${error.message ?? ''}`.trim(),
  );
  return `it is no CloudEvent: ${problems.join(', ')}`;
}

function factsOf(event: CloudEvent<unknown>, nowMicros: number): Facts {
  const { id, source, type, subject, time, dataschema, datacontenttype, data } = event;
  const ms = time === undefined ? Number.NaN : Date.parse(time);
  const extension: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(event)) if (!ATTRIBUTES.has(name)) extension[name] = value;
  const isObject = typeof data === 'object' && data !== null && !Array.isArray(data) && !ArrayBuffer.isView(data);
  return {
    plain: {
      ...{ id, source, type, subject, time, dataschema, datacontenttype },
      timestamp: Number.isNaN(ms) ? undefined : ms * 1000,
      receivedAt: nowMicros,
      text: typeof data === 'string' ? data : undefined,
    },
    groups: { data: isObject ? (data as Record<string, unknown>) : {}, extension }, // isObject
  };
}
