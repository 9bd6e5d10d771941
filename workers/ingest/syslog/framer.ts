// Cuts a TCP stream into syslog messages: octet counting and non-transparent framing (RFC 6587), told apart for each message
// by its first byte. Holds one unfinished message at most, as far as it has come.
//
//   octet counting     "83 <34>1 …"      a decimal length, a space, so many bytes
//   non-transparent    "<34>1 …\n"       up to the next line feed (or NUL)

import { MdsError } from '../../../schemas/errors.ts';

const LF = 0x0a;
const NUL = 0x00;
const CR = 0x0d;
const SPACE = 0x20;
const ZERO = 0x30;
const NINE = 0x39;
const PRI_START = 0x3c;
const MAX_LENGTH_DIGITS = 7;
const NOTHING = Buffer.alloc(0);

export class SyslogFramer {
  readonly #maxBytes: number;
  #held: Buffer = NOTHING;
  /** How far `#held` has been searched for the end of a line. */
  #searched = 0;

  /** @param maxBytes of one message */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of a message that has not come to its end. */
  get heldBytes(): number {
    return this.#held.length;
  }

  /** @throws MdsError `MDS_SYSLOG_FRAMING`: where the next message begins cannot be known any more */
  push(chunk: Buffer): Buffer[] {
    let bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const messages: Buffer[] = [];
    for (;;) {
      bytes = withoutSeparators(bytes);
      const found = this.#next(bytes);
      if (found === null) break;
      if (found.message.length > 0) messages.push(found.message);
      bytes = found.rest;
      this.#searched = 0;
    }
    this.#held = bytes.length === 0 ? NOTHING : Buffer.from(bytes); // a copy: the chunk may be large, and is not ours
    return messages;
  }

  /** What came after the last message when the stream has ended: a line without its end is a message all the same. */
  end(): Buffer | null {
    const held = this.#held;
    this.#held = NOTHING;
    return held[0] === PRI_START ? held : null;
  }

  #next(bytes: Buffer): { readonly message: Buffer; readonly rest: Buffer } | null {
    const first = bytes[0];
    if (first === undefined) return null;
    if (first === PRI_START) return this.#line(bytes);
    if (first > ZERO && first <= NINE) return this.#counted(bytes);
    throw new MdsError('MDS_SYSLOG_FRAMING', { reason: 'a message begins neither with its length nor with "<"' });
  }

  #line(bytes: Buffer): { readonly message: Buffer; readonly rest: Buffer } | null {
    let end = this.#searched;
    while (end < bytes.length && bytes[end] !== LF && bytes[end] !== NUL) end++;
    if (end > this.#maxBytes) throw this.#tooLong();
    this.#searched = end;
    if (end === bytes.length) return null;
    const last = bytes[end - 1] === CR ? end - 1 : end;
    return { message: bytes.subarray(0, last), rest: bytes.subarray(end + 1) };
  }

  #counted(bytes: Buffer): { readonly message: Buffer; readonly rest: Buffer } | null {
    let length = 0;
    let at = 0;
    for (; at < bytes.length && bytes[at] !== SPACE; at++) {
      const digit = (bytes[at] ?? 0) - ZERO;
      if (digit < 0 || digit > 9 || at >= MAX_LENGTH_DIGITS) {
        throw new MdsError('MDS_SYSLOG_FRAMING', { reason: 'a message begins with a digit, but not with its length' });
      }
      length = length * 10 + digit;
    }
    if (length > this.#maxBytes) throw this.#tooLong();
    const end = at + 1 + length;
    return bytes.length < end ? null : { message: bytes.subarray(at + 1, end), rest: bytes.subarray(end) };
  }

  #tooLong(): MdsError {
    return new MdsError('MDS_SYSLOG_FRAMING', { reason: `a message has more than ${this.#maxBytes} bytes` });
  }
}

/** Some senders put a line feed behind counted messages too. */
function withoutSeparators(bytes: Buffer): Buffer {
  let at = 0;
  while (bytes[at] === LF || bytes[at] === NUL || bytes[at] === CR) at++;
  return at === 0 ? bytes : bytes.subarray(at);
}
