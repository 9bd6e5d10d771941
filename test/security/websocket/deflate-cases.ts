// Chapters 12 and 13 of the Autobahn suite: permessage-deflate (RFC 7692) with every parameter, and what is wrong in it.

import { constants, deflateRawSync } from 'node:zlib';
import { type ConformanceCase, message, NOT_A_MESSAGE, TOO_LARGE } from './conformance-case.ts';
import { binary, continuation, ping, text } from './raw-websocket.ts';
import { MAX_MESSAGE_BYTES } from './size-cases.ts';

const RSV1 = 4;

/** RFC 7692 §7.2.1: flushed, without the four bytes at the end. */
export function deflated(bytes: Uint8Array, windowBits = 15): Buffer {
  return deflateRawSync(bytes, { windowBits, finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
}

const compressed = (bytes: Uint8Array, windowBits?: number): Buffer =>
  text(deflated(bytes, windowBits), { reserved: RSV1 });

/** Offers as they are made by browsers and by libraries. */
export const OFFERS: readonly string[] = [
  'permessage-deflate',
  'permessage-deflate; client_max_window_bits',
  'permessage-deflate; client_no_context_takeover',
  'permessage-deflate; server_no_context_takeover',
  'permessage-deflate; client_no_context_takeover; server_no_context_takeover',
  'permessage-deflate; client_max_window_bits=9',
  'permessage-deflate; server_max_window_bits=15; client_max_window_bits=15',
  'permessage-deflate; server_no_context_takeover, permessage-deflate',
  'permessage-deflate; server_max_window_bits=9, permessage-deflate',
];

/** Offers that can only be declined: the edge compresses with a window of 15 bits, which these clients could not inflate. */
export const OFFERS_TO_DECLINE: readonly string[] = [
  'permessage-deflate; server_max_window_bits=9',
  'permessage-deflate; client_max_window_bits; server_max_window_bits="10"',
];

const withOffer = (offer: string) => ({ headers: { 'Sec-WebSocket-Extensions': offer } });
const [PLAIN = ''] = OFFERS;

/** Random letters: a message that does not shrink to nothing. */
const letters = (bytes: number): Buffer => {
  const head = '{"type":"ping","id":"a","pad":"';
  let state = 1;
  const pad = Array.from({ length: bytes - head.length - 2 }, () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return String.fromCharCode(97 + (state % 26));
  });
  return Buffer.from(`${head}${pad.join('')}"}`);
};

const sizes: readonly ConformanceCase[] = OFFERS.flatMap((offer, at) =>
  [64, 1024, 16_384, MAX_MESSAGE_BYTES].map((bytes) => ({
    id: `12.${at + 1}-${bytes}`,
    title: `ten compressed messages of ${bytes} bytes are read, offered: ${offer}`,
    rule: 'RFC 7692 §7.2.2',
    ...withOffer(offer),
    pieces: [Buffer.concat(Array.from({ length: 10 }, () => compressed(letters(bytes), 9)))],
    expected: Array.from({ length: 10 }, () => 'answer:a'),
  })),
);

const half = (bytes: Buffer, which: 0 | 1): Buffer => {
  const middle = bytes.length >> 1;
  return which === 0 ? bytes.subarray(0, middle) : bytes.subarray(middle);
};
const whole = deflated(letters(5000));

const wrong: readonly ConformanceCase[] = [
  {
    id: '13.1',
    title: 'a message that is not compressed is read on a connection that may compress',
    rule: 'RFC 7692 §6',
    ...withOffer(PLAIN),
    pieces: [text(message('a'))],
    expected: ['answer:a'],
  },
  {
    id: '13.2',
    title: 'a compressed message in two fragments, a ping between, is one message',
    rule: 'RFC 7692 §6.1',
    ...withOffer(PLAIN),
    pieces: [text(half(whole, 0), { reserved: RSV1, fin: false }), ping('p'), continuation(half(whole, 1))],
    expected: ['pong:70', 'answer:a'],
  },
  {
    id: '13.3',
    title: 'the mark of compression on a continuation fails the connection',
    rule: 'RFC 7692 §6.1',
    ...withOffer(PLAIN),
    pieces: [text(half(whole, 0), { reserved: RSV1, fin: false }), continuation(half(whole, 1), { reserved: RSV1 })],
    expected: ['failed'],
  },
  {
    // uWebSockets.js answers the ping as it is, and fails the connection at the next message.
    id: '13.4',
    title: 'a control frame that is marked as compressed fails the connection, at the next message at the latest',
    rule: 'RFC 7692 §6.1',
    ...withOffer(PLAIN),
    pieces: [ping('x', { reserved: RSV1 }), text(message('a'))],
    expected: ['?pong:78', 'failed'],
  },
  ...[2, 1].map((reserved) => ({
    id: `13.5-${reserved}`,
    title: `reserved bits ${reserved} fail the connection, compressed or not`,
    rule: 'RFC 6455 §5.2',
    ...withOffer(PLAIN),
    pieces: [text(deflated(message('a')), { reserved: RSV1 | reserved })],
    expected: ['failed'],
  })),
  {
    id: '13.6',
    title: 'a compressed binary message is read, and refused by the subprotocol',
    rule: 'mds.v1.json',
    ...withOffer(PLAIN),
    pieces: [binary(deflated(Buffer.alloc(500)), { reserved: RSV1 })],
    expected: NOT_A_MESSAGE,
  },
  {
    id: '13.7',
    title: 'bytes that are no DEFLATE data fail the connection',
    rule: 'RFC 7692 §7.2.2',
    ...withOffer(PLAIN),
    pieces: [text(Buffer.from([0xff, 0xff, 0xff, 0xff, 0x00, 0x11]), { reserved: RSV1 })],
    expected: ['failed'],
  },
  {
    id: '13.8',
    title: 'compressed text that is no UTF-8 fails the connection',
    rule: 'RFC 6455 §8.1',
    ...withOffer(PLAIN),
    pieces: [compressed(Buffer.from([0x61, 0xff]))],
    expected: ['failed'],
  },
  {
    id: '13.9',
    title: 'a message that inflates to one byte above the limit is refused with the reason',
    rule: 'RFC 7692 §8',
    ...withOffer(PLAIN),
    pieces: [compressed(message('a', MAX_MESSAGE_BYTES + 1))],
    expected: TOO_LARGE,
  },
  {
    id: '13.10',
    title: 'a compressed message where nothing was negotiated fails the connection',
    rule: 'RFC 6455 §5.2',
    pieces: [compressed(message('a'))],
    expected: ['failed'],
  },
];

export const DEFLATE_CASES = [...sizes, ...wrong];
