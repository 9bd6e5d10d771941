// Chapter 9 of the Autobahn suite, as far as the edge's limits go: large messages, whole, in fragments and in small writes,
// the largest one that is allowed, and one byte more.

import { type ConformanceCase, chopped, fragmented, message, TOO_LARGE } from './conformance-case.ts';
import { frame, OPCODES, text } from './raw-websocket.ts';

/** MDS_EDGE_MAX_MESSAGE_BYTES of the edge under test, and how much of one above it is read to be refused with a reason. */
export const MAX_MESSAGE_BYTES = 65_536;
export const READ_BYTES = MAX_MESSAGE_BYTES * 16;

const rule = 'RFC 6455 §10.4; docs/client-library.md, limits';

export const SIZE_CASES: readonly ConformanceCase[] = [
  ...[4096, 16_384, MAX_MESSAGE_BYTES].map((bytes) => ({
    id: `9.1-${bytes}`,
    title: `a text of ${bytes} bytes is read`,
    rule,
    pieces: [text(message('a', bytes))],
    expected: ['answer:a'],
  })),
  ...[64, 256, 1024, 4096, 16_384].map((size) => ({
    id: `9.3-${size}`,
    title: `the largest text in fragments of ${size} bytes is read`,
    rule,
    pieces: [Buffer.concat(fragmented(message('a', MAX_MESSAGE_BYTES), size))],
    expected: ['answer:a'],
  })),
  ...[64, 512, 2048].map((size) => ({
    id: `9.5-${size}`,
    title: `the largest text in writes of ${size} bytes is read`,
    rule,
    pieces: chopped(text(message('a', MAX_MESSAGE_BYTES)), size),
    expected: ['answer:a'],
  })),
  {
    id: '9.9',
    title: 'a text one byte above the limit is refused with the reason',
    rule,
    pieces: [text(message('a', MAX_MESSAGE_BYTES + 1))],
    expected: TOO_LARGE,
  },
  {
    id: '9.9-fragments',
    title: 'a text one byte above the limit, in fragments, is refused with the reason',
    rule,
    pieces: fragmented(message('a', MAX_MESSAGE_BYTES + 1), 8192),
    expected: TOO_LARGE,
  },
  {
    id: '9.10',
    title: 'a text as large as is ever read is refused with the reason',
    rule,
    pieces: [text(message('a', READ_BYTES))],
    expected: TOO_LARGE,
  },
  {
    id: '9.11',
    title: 'a text one byte larger than that fails the connection by what its header says',
    rule,
    pieces: [text('', { statedLength: READ_BYTES + 1 })],
    expected: ['failed'],
  },
  ...[2n ** 32n, 2n ** 63n - 1n, 2n ** 64n - 1n].map((statedLength) => ({
    id: `9.12-${statedLength}`,
    title: `a frame that says it has ${statedLength} bytes fails the connection at once`,
    rule: 'RFC 6455 §5.2, §10.4',
    pieces: [frame({ opcode: OPCODES.TEXT, payload: 'x', statedLength })],
    expected: ['failed'],
  })),
];
