// Chapters 1-5 of the Autobahn suite: framing, pings and pongs, reserved bits, opcodes, fragmentation.

import { type ConformanceCase, chopped, fragmented, message, NOT_A_MESSAGE } from './conformance-case.ts';
import { binary, continuation, frame, OPCODES, ping, text } from './raw-websocket.ts';

const SIZES = [125, 126, 127, 128, 65_535, 65_536];
const hex = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString('hex');

const framing: readonly ConformanceCase[] = [
  {
    id: '1.1.1',
    title: 'an empty text is read, and is no message',
    rule: 'RFC 6455 §5.2',
    pieces: [text('')],
    expected: NOT_A_MESSAGE,
  },
  ...SIZES.map((bytes, at) => ({
    id: `1.1.${at + 2}`,
    title: `a text of ${bytes} bytes is read whole`,
    rule: 'RFC 6455 §5.2',
    pieces: [text(message('a', bytes))],
    expected: ['answer:a'],
  })),
  ...[1, 997, 1460].map((size) => ({
    id: `1.1.8-${size}`,
    title: `a text that comes in pieces of ${size} bytes is read whole`,
    rule: 'RFC 6455 §5.2',
    pieces: chopped(text(message('a', size === 1 ? 300 : 65_536)), size),
    expected: ['answer:a'],
  })),
  ...[0, ...SIZES].map((bytes, at) => ({
    id: `1.2.${at + 1}`,
    title: `a binary message of ${bytes} bytes is read, and refused by the subprotocol`,
    rule: 'RFC 6455 §5.6; mds.v1.json',
    pieces: [binary(Buffer.alloc(bytes, 0xfe))],
    expected: NOT_A_MESSAGE,
  })),
];

const PING_PAYLOADS: readonly (readonly [string, Uint8Array])[] = [
  ['nothing', Buffer.alloc(0)],
  ['text', Buffer.from('Hello, world!')],
  ['bytes that are no text', Buffer.from([0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff])],
  ['125 bytes, the most there may be', Buffer.alloc(125, 0xfe)],
];

const pings: readonly ConformanceCase[] = [
  ...PING_PAYLOADS.map(([what, payload], at) => ({
    id: `2.${at + 1}`,
    title: `a ping with ${what} is answered with the same`,
    rule: 'RFC 6455 §5.5.2-3',
    pieces: [ping(payload)],
    expected: [`pong:${hex(payload)}`],
  })),
  {
    id: '2.5',
    title: 'a ping with 126 bytes fails the connection',
    rule: 'RFC 6455 §5.5',
    pieces: [ping(Buffer.alloc(126))],
    expected: ['failed'],
  },
  {
    id: '2.6',
    title: 'a ping that comes byte by byte is answered',
    rule: 'RFC 6455 §5.5.2',
    pieces: chopped(ping(Buffer.alloc(125, 7)), 1),
    expected: [`pong:${hex(Buffer.alloc(125, 7))}`],
  },
  ...['', 'unasked'].map((payload, at) => ({
    id: `2.${7 + at}`,
    title: `a pong nobody asked for${payload && ', with a payload,'} is ignored`,
    rule: 'RFC 6455 §5.5.3',
    pieces: [frame({ opcode: OPCODES.PONG, payload })],
    expected: [],
  })),
  {
    id: '2.9',
    title: 'a pong nobody asked for is not taken for the answer to the ping behind it',
    rule: 'RFC 6455 §5.5.3',
    pieces: [frame({ opcode: OPCODES.PONG, payload: 'x' }), ping('y')],
    expected: [`pong:${hex('y')}`],
  },
  ...[false, true].map((isChopped, at) => {
    const ten = Array.from({ length: 10 }, (_, i) => `ping ${i}`);
    const bytes = Buffer.concat(ten.map((payload) => ping(payload)));
    return {
      id: `2.${10 + at}`,
      title: `ten pings ${isChopped ? 'byte by byte' : 'at once'} are answered in their order`,
      rule: 'RFC 6455 §5.5.3',
      pieces: isChopped ? chopped(bytes, 1) : [bytes],
      expected: ten.map((payload) => `pong:${hex(payload)}`),
    };
  }),
];

const reservedBits: readonly ConformanceCase[] = [1, 2, 3, 4, 5, 6, 7].flatMap((reserved) => [
  {
    id: `3.${reserved}`,
    title: `reserved bits ${reserved} on a text fail the connection`,
    rule: 'RFC 6455 §5.2',
    pieces: [Buffer.concat([text(message('a')), text(message('b'), { reserved })])],
    expected: ['?answer:a', 'failed'],
  },
  {
    id: `3.${reserved}-ping`,
    title: `reserved bits ${reserved} on a ping fail the connection`,
    rule: 'RFC 6455 §5.2',
    pieces: [ping('x', { reserved })],
    expected: ['failed'],
  },
  {
    id: `3.${reserved}-continuation`,
    title: `reserved bits ${reserved} on a continuation fail the connection`,
    rule: 'RFC 6455 §5.2',
    pieces: [text(' ', { fin: false }), continuation(message('a'), { reserved })],
    expected: ['failed'],
  },
]);

const opcodes: readonly ConformanceCase[] = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap((opcode) => [
  {
    id: `4.${opcode}.1`,
    title: `opcode ${opcode}, which is none, fails the connection`,
    rule: 'RFC 6455 §5.2',
    pieces: [frame({ opcode })],
    expected: ['failed'],
  },
  {
    id: `4.${opcode}.2`,
    title: `opcode ${opcode} with a payload, between two messages, fails the connection`,
    rule: 'RFC 6455 §5.2',
    pieces: [Buffer.concat([text(message('a')), frame({ opcode, payload: 'x' }), text(message('b'))])],
    expected: ['?answer:a', 'failed'],
  },
]);

const [firstHalf, secondHalf] = [message('a').subarray(0, 9), message('a').subarray(9)];
const begun = text(firstHalf, { fin: false });
const ended = continuation(secondHalf);

const fragmentation: readonly ConformanceCase[] = [
  ...[OPCODES.PING, OPCODES.PONG, OPCODES.CLOSE].map((opcode, at) => ({
    id: `5.${at + 1}`,
    title: `a control frame (${opcode}) in fragments fails the connection`,
    rule: 'RFC 6455 §5.5',
    pieces: [frame({ opcode, payload: 'x', fin: false }), continuation('y')],
    expected: ['failed'],
  })),
  {
    id: '5.4',
    title: 'a text in two fragments is one message',
    rule: 'RFC 6455 §5.4',
    pieces: [begun, ended],
    expected: ['answer:a'],
  },
  {
    id: '5.5',
    title: 'a text in two fragments, byte by byte, is one message',
    rule: 'RFC 6455 §5.4',
    pieces: chopped(Buffer.concat([begun, ended]), 1),
    expected: ['answer:a'],
  },
  {
    id: '5.6',
    title: 'a ping between two fragments is answered before the message',
    rule: 'RFC 6455 §5.4',
    pieces: [begun, ping('between'), ended],
    expected: [`pong:${hex('between')}`, 'answer:a'],
  },
  {
    id: '5.7',
    title: 'the same, with all frames in one write',
    rule: 'RFC 6455 §5.4',
    pieces: [Buffer.concat([begun, ping('between'), ended])],
    expected: [`pong:${hex('between')}`, 'answer:a'],
  },
  ...[true, false].map((fin, at) => ({
    id: `5.${9 + at}`,
    title: `a continuation ${fin ? '(the last)' : '(with more to come)'} of nothing fails the connection`,
    rule: 'RFC 6455 §5.4',
    pieces: [continuation('x', { fin }), text(message('a'))],
    expected: ['failed'],
  })),
  {
    id: '5.15',
    title: 'a continuation behind a message that is complete fails the connection',
    rule: 'RFC 6455 §5.4',
    pieces: [begun, ended, continuation(message('b'))],
    expected: ['?answer:a', 'failed'],
  },
  ...[OPCODES.TEXT, OPCODES.BINARY].map((opcode, at) => ({
    id: `5.${18 + at}`,
    title: `a new message (${opcode}) before the last one has ended is the end of the connection`,
    rule: 'RFC 6455 §5.4',
    pieces: [begun, frame({ opcode, payload: message('b') })],
    expected: ['?error:MDS_FRAME_CORRUPT', 'over'],
  })),
  {
    id: '5.20',
    title: 'six fragments with pings between all of them are one message',
    rule: 'RFC 6455 §5.4',
    pieces: fragmented(message('a', 600), 100).flatMap((part, at) => [part, ping(String(at))]),
    expected: [...['0', '1', '2', '3', '4'].map((at) => `pong:${hex(at)}`), 'answer:a', `pong:${hex('5')}`],
  },
  {
    id: '5.21',
    title: 'fragments without content, at both ends and between, change nothing',
    rule: 'RFC 6455 §5.4',
    pieces: [
      text('', { fin: false }),
      continuation(message('a'), { fin: false }),
      continuation('', { fin: false }),
      continuation(''),
    ],
    expected: ['answer:a'],
  },
];

// uWebSockets.js takes every frame for a masked one. So a frame that is not is read as noise, which is no message: nothing that
// was sent without a mask is ever acted on, though the connection ends at the noise and not, as §5.1 has it, at the missing bit.
const masking: readonly ConformanceCase[] = [
  {
    id: 'M.1',
    title: 'a frame that is not masked is never acted on, and is the end of the connection',
    rule: 'RFC 6455 §5.1',
    pieces: [Buffer.concat([text(message('a'), { masked: false }), Buffer.alloc(4)])],
    expected: ['?error:MDS_FRAME_CORRUPT', 'over'],
  },
];

export const FRAMING_CASES = [...framing, ...pings, ...reservedBits, ...opcodes, ...fragmentation, ...masking];
