// Every message of the WebSocket protocol, about another tenant's things. The types are those of the protocol itself: a new
// one that has no attempt here does not compile.

import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientMessage } from '../../../schemas/frames.ts';
import { encodeResumeToken } from '../../../schemas/resume-token.ts';
import { message } from '../websocket/conformance-case.ts';
import { type RawWebSocket, text } from '../websocket/raw-websocket.ts';
import type { Ids } from './attempts.ts';
import type { Victim } from './victim.ts';

type Messages = (ids: Ids) => readonly object[];

export function messagesOf({ topicId }: Pick<Victim, 'topicId'>): Readonly<Record<ClientMessage['type'], Messages>> {
  const resume = encodeResumeToken({ topicId, position: new Map([[0, { offset: -1, index: 0 }]]) });
  return {
    subscribe: ({ topic }) => [
      { type: 'subscribe', id: 'a', topic },
      { type: 'subscribe', id: 'b', topic, filter: 'true' },
      { type: 'subscribe', id: 'c', topic, resume },
      { type: 'subscribe', id: 'd', topic, overflow: 'drop' },
    ],
    consume: ({ subscription }) => [{ type: 'consume', id: 'a', subscription, consumer: 'thief' }],
    ack: ({ subscription }) => [{ type: 'ack', id: subscription, seq: 1, upTo: [[0, 1, 0]] }],
    nack: ({ subscription }) => [{ type: 'nack', id: subscription, seq: 1, cursors: [[0, 1, 0]] }],
    unsubscribe: ({ subscription }) => [{ type: 'unsubscribe', id: subscription }],
    ping: ({ topic }) => [{ type: 'ping', id: topic.slice(0, 8) }],
    auth: ({ key }) => [{ type: 'auth', credential: `mds_${key}_${'x'.repeat(43)}` }],
  };
}

/** Long enough for an edge that looks into Redis before it calls a topic unknown. */
const QUIET_MS = 1500;

/** @returns the words of all answers but to the ping that was sent behind them, until that or the end */
export async function tryMessages(
  client: RawWebSocket,
  messages: readonly object[],
  isKnown: boolean,
): Promise<string[]> {
  for (const one of messages) await client.write(text(JSON.stringify(one)));
  const answers = (): string[] =>
    client.seen.filter((what) => /^(error|close|failed|end|subscribed|consuming)/.test(what));
  await client.write(text(message('behind')));
  if (isKnown) await client.until(() => client.isEnded || client.seen.includes('answer:behind'), 'the answer behind');
  const deadlineMs = performance.now() + QUIET_MS;
  while (!client.isEnded && answers().length < messages.length && performance.now() < deadlineMs) await sleep(20);
  const errors = client.messages
    .map((one) => JSON.parse(one))
    .filter(({ type }) => type === 'error')
    .map(({ code, message: words }) => `${code} ${words}`);
  return [...client.seen.filter((what) => !what.startsWith('error')), ...errors].sort();
}
