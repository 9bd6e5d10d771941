// How the one client program of the bench speaks: our own protocol, or Centrifugo's. Only what differs stands here; the
// sockets, the counting and the clock are the same for both, so that a comparison compares the services.

import { SUBPROTOCOL_JSON } from '../../schemas/frames.ts';
import {
  connectCommand,
  PONG,
  readReplies,
  subscribeCommand,
  type TagsFilter,
} from '../suites/peer/centrifugo-protocol.ts';

export type ProtocolName = 'mds' | 'centrifugo';

/** What one client wants. */
export interface Wish {
  /** Topic, or Centrifugo's channel. */
  readonly from: string;
  /** CEL, for our own. */
  readonly filter?: string;
  /** For Centrifugo. */
  readonly tagsFilter?: TagsFilter;
}

/** What a payload was. */
export type Heard =
  | { readonly kind: 'events' }
  | { readonly kind: 'subscribed' }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'answer'; readonly text: string }
  | { readonly kind: 'other' };

export interface Protocol {
  readonly subprotocol?: string;
  /** Messages to send when the connection is open. */
  subscribe(wish: Wish): readonly string[];
  hear(payload: Buffer): Heard;
}

const EVENTS_HEAD = Buffer.from('{"type":"events"');
const PUSH_HEAD = Buffer.from('{"push":');
const SUBSCRIBE_ID = 2;

const startsWith = (payload: Buffer, head: Buffer): boolean => payload.subarray(0, head.length).equals(head);

export const PROTOCOLS: Readonly<Record<ProtocolName, Protocol>> = {
  mds: {
    subprotocol: SUBPROTOCOL_JSON,
    subscribe: ({ from, filter = '' }) => [JSON.stringify({ type: 'subscribe', id: 's', topic: from, filter })],
    hear(payload) {
      if (startsWith(payload, EVENTS_HEAD)) return { kind: 'events' };
      const frame = JSON.parse(payload.toString());
      if (frame.type === 'subscribed') return { kind: 'subscribed' };
      if (['error', 'goodbye', 'gap'].includes(frame.type)) return { kind: 'refused', reason: payload.toString() };
      return { kind: 'other' };
    },
  },
  centrifugo: {
    subscribe: ({ from, tagsFilter }) => [connectCommand(1), subscribeCommand(SUBSCRIBE_ID, from, tagsFilter)],
    hear(payload) {
      if (startsWith(payload, PUSH_HEAD)) return { kind: 'events' };
      for (const reply of readReplies(payload.toString())) {
        if (reply.kind === 'ping') return { kind: 'answer', text: PONG };
        if (reply.kind === 'publication') return { kind: 'events' };
        if (reply.kind === 'refused') return { kind: 'refused', reason: reply.reason };
        if (reply.kind === 'answer' && reply.id === SUBSCRIBE_ID) return { kind: 'subscribed' };
      }
      return { kind: 'other' };
    },
  },
};
