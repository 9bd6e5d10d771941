// Messages of an event stream as bytes (WHATWG HTML §9.2). JSON has no line breaks of its own, so that `data` is one line.
//
//   id: AQcEAA…            resumes exactly behind this message; absent: it moves nothing
//   event: message         what `onmessage` of a browser's EventSource hears
//   data: {"cursor":[0,17,0],"event":{…}}

import type { FollowedEvent } from '../follower.ts';

/** Says nothing, and keeps connections open that would be closed for silence. */
export const KEEP_ALIVE = ':\n\n';

export const retryLine = (retryMs: number): string => `retry: ${retryMs}\n`;

/** Moves the reader's id without a word: nothing matched up to here. */
export const moveMessage = (id: string): string => `id: ${id}\n\n`;

export function streamMessage(type: string, data: unknown, id: string | null = null): string {
  return `${id === null ? '' : `id: ${id}\n`}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

const END = '}\n\n';

/** @param event UTF-8 JSON, which is not parsed */
export function eventMessage(id: string, partition: number, { cursor, bytes }: FollowedEvent): Buffer {
  const head = `id: ${id}\nevent: message\ndata: {"cursor":[${partition},${cursor.offset},${cursor.index}],"event":`;
  const message = Buffer.allocUnsafe(head.length + bytes.length + END.length);
  const at = message.write(head, 0, 'latin1');
  message.write(END, at + bytes.copy(message, at), 'latin1');
  return message;
}
