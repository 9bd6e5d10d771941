// Chapters 6 and 7 of the Autobahn suite: UTF-8, whole and split over fragments and writes, and closing.

import { type ConformanceCase, chopped, fragmented, message, NOT_A_MESSAGE } from './conformance-case.ts';
import { close, continuation, frame, OPCODES, ping, text } from './raw-websocket.ts';

/** Each is valid; the last code points of each length, the first ones, what stands beside the surrogates, non-characters. */
const VALID: readonly string[] = [
  'κόσμε',
  '\u0000',
  '\u007f',
  '\u0080',
  '\u07ff',
  '\u0800',
  '\ud7ff',
  '\ue000',
  '\ufffd',
  '\uffff',
  '\u{10000}',
  '\u{10ffff}',
  '\u{1fffe}',
];

/** RFC 3629: what no text may hold. */
const INVALID: readonly (readonly [string, readonly number[]])[] = [
  ['a continuation byte alone', [0x80]],
  ['the last continuation byte alone', [0xbf]],
  ['many continuation bytes', [0x80, 0xbf, 0x80, 0xbf, 0x80]],
  ['a first byte of two, alone', [0xc2, 0x20]],
  ['a first byte of three with one behind it', [0xe0, 0xa0, 0x20]],
  ['a first byte of four with two behind it', [0xf0, 0x90, 0x80, 0x20]],
  ['a character that the end cuts off', [0xce, 0xba, 0xe1, 0xbd]],
  ['a byte that is never used (FE)', [0xfe]],
  ['a byte that is never used (FF)', [0xff]],
  ['a slash in two bytes', [0xc0, 0xaf]],
  ['a slash in three bytes', [0xe0, 0x80, 0xaf]],
  ['a slash in four bytes', [0xf0, 0x80, 0x80, 0xaf]],
  ['NUL in two bytes', [0xc0, 0x80]],
  ['the largest overlong of two bytes', [0xc1, 0xbf]],
  ['the largest overlong of three bytes', [0xe0, 0x9f, 0xbf]],
  ['the largest overlong of four bytes', [0xf0, 0x8f, 0xbf, 0xbf]],
  ['a first surrogate', [0xed, 0xa0, 0x80]],
  ['a last surrogate', [0xed, 0xbf, 0xbf]],
  ['a pair of surrogates', [0xed, 0xa0, 0x80, 0xed, 0xb0, 0x80]],
  ['the code point behind the last one', [0xf4, 0x90, 0x80, 0x80]],
  ['a character of five bytes', [0xf8, 0x88, 0x80, 0x80, 0x80]],
  ['a character of six bytes', [0xfc, 0x84, 0x80, 0x80, 0x80, 0x80]],
];

const around = (bytes: readonly number[]): Buffer =>
  Buffer.concat([Buffer.from('κόσμε'), Buffer.from(bytes), Buffer.from('x')]);

const utf8: readonly ConformanceCase[] = [
  ...VALID.flatMap((character, at) => {
    const bytes = message(`a${character}`);
    const expected = [`answer:a${character}`];
    const rule = 'RFC 6455 §5.6, RFC 3629';
    const name = JSON.stringify(character);
    return [
      { id: `6.2.${at + 1}`, title: `${name} is read as it is`, rule, pieces: [text(bytes)], expected },
      {
        id: `6.2.${at + 1}-split`,
        title: `${name} is read as it is, a byte in each fragment`,
        rule,
        pieces: fragmented(bytes, 1),
        expected,
      },
    ];
  }),
  {
    id: '6.5',
    title: 'valid text that is no message is refused by the subprotocol, not by UTF-8',
    rule: 'mds.v1.json',
    pieces: [text(Buffer.from('κόσμε'))],
    expected: NOT_A_MESSAGE,
  },
  ...INVALID.flatMap(([what, bytes], at) => {
    const payload = around(bytes);
    const rule = 'RFC 6455 §8.1';
    const expected = ['failed'];
    return [
      { id: `6.3.${at + 1}`, title: `${what} fails the connection`, rule, pieces: [text(payload)], expected },
      {
        id: `6.3.${at + 1}-split`,
        title: `${what}, a byte in each fragment, fails the connection`,
        rule,
        pieces: fragmented(payload, 1),
        expected,
      },
      {
        id: `6.4.${at + 1}`,
        title: `${what}, in a frame that comes byte by byte, fails the connection`,
        rule,
        pieces: chopped(text(payload), 1),
        expected,
      },
    ];
  }),
  {
    id: '6.6',
    title: 'a ping between the bytes of one character changes nothing',
    rule: 'RFC 6455 §5.4',
    pieces: [
      text('{"type":"ping","id":"', { fin: false }),
      continuation(Buffer.from([0xce]), { fin: false }),
      ping('p'),
      continuation(Buffer.from([0xba]), { fin: false }),
      continuation('"}'),
    ],
    expected: ['pong:70', 'answer:κ'],
  },
];

const CODES_TO_SEND = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 4000, 4999];
/** For libraries and frameworks: uWebSockets.js answers them with a close of no code, which §5.5.1 leaves open ("typically"). */
const CODES_OF_LIBRARIES = [3000, 3999];
/** RFC 6455 §7.4: reserved, never to be sent, or not defined. */
const CODES_NEVER_SENT = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535];
const FAILS = { 1002: true, 1003: true, 1007: true, 1009: true } as const;

const closing: readonly ConformanceCase[] = [
  {
    id: '7.1.1',
    title: 'a message, then a close: both are answered',
    rule: 'RFC 6455 §5.5.1',
    pieces: [text(message('a')), close(1000)],
    expected: ['answer:a', 'close:1000'],
  },
  {
    id: '7.1.2',
    title: 'two closes are answered with one',
    rule: 'RFC 6455 §5.5.1',
    pieces: [Buffer.concat([close(1000), close(1000)])],
    expected: ['close:1000'],
  },
  {
    id: '7.1.3',
    title: 'a ping behind a close is not answered',
    rule: 'RFC 6455 §5.5.1',
    pieces: [Buffer.concat([close(1000), ping('late')])],
    expected: ['close:1000'],
  },
  {
    id: '7.1.4',
    title: 'a message behind a close is not answered',
    rule: 'RFC 6455 §5.5.1',
    pieces: [Buffer.concat([close(1000), text(message('late'))])],
    expected: ['close:1000'],
  },
  {
    id: '7.1.5',
    title: 'a close in the middle of a message ends the connection',
    rule: 'RFC 6455 §5.4',
    pieces: [text('{"type"', { fin: false }), close(1000), continuation('late')],
    expected: ['close:1000'],
  },
  {
    id: '7.3.1',
    title: 'a close without a code is answered without one',
    rule: 'RFC 6455 §7.1.5',
    pieces: [close(null)],
    expected: ['close:1005'],
  },
  {
    id: '7.3.2',
    title: 'a close with half a code is the end of the connection',
    rule: 'RFC 6455 §5.5.1',
    pieces: [frame({ opcode: OPCODES.CLOSE, payload: Buffer.from([3]) })],
    expected: ['over'],
  },
  {
    id: '7.3.5',
    title: 'a close with a reason of 123 bytes is answered',
    rule: 'RFC 6455 §5.5',
    pieces: [close(1000, 'x'.repeat(123))],
    expected: ['close:1000'],
  },
  {
    id: '7.3.6',
    title: 'a close with a reason of 124 bytes fails the connection',
    rule: 'RFC 6455 §5.5',
    pieces: [close(1000, 'x'.repeat(124))],
    expected: ['failed'],
  },
  ...INVALID.map(([what, bytes], at) => ({
    id: `7.5.${at + 1}`,
    title: `a reason with ${what} is the end of the connection, and is not sent back`,
    rule: 'RFC 6455 §5.5.1',
    pieces: [close(1000, around(bytes))],
    expected: ['over'],
  })),
  ...CODES_TO_SEND.map((code) => ({
    id: `7.7.${code}`,
    title: `a close with ${code} is answered with the same`,
    rule: 'RFC 6455 §7.4.1-2',
    pieces: [close(code)],
    expected: [code in FAILS ? 'failed' : `close:${code}`],
  })),
  ...CODES_OF_LIBRARIES.map((code) => ({
    id: `7.7.${code}`,
    title: `a close with ${code} is answered with a close`,
    rule: 'RFC 6455 §5.5.1',
    pieces: [close(code)],
    expected: ['close:1005'],
  })),
  ...CODES_NEVER_SENT.map((code) => ({
    id: `7.9.${code}`,
    title: `a close with ${code}, which may not be sent, is the end of the connection`,
    rule: 'RFC 6455 §7.4',
    pieces: [close(code)],
    expected: ['over'],
  })),
];

export const TEXT_CASES = [...utf8, ...closing];
