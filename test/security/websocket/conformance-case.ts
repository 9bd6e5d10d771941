// One case of WebSocket conformance: what is written to the edge, and what RFC 6455 (or 7692) and the edge's own protocol
// have come back. The edge does not echo, so where the Autobahn suite wants an echo, a case sends a message whose answer
// shows that it was read whole: a ping of the edge's own protocol, padded with spaces to the size that is wanted.

import { frame, OPCODES, RawWebSocket, text } from './raw-websocket.ts';

export interface ConformanceCase {
  /** Numbered by the chapters of the Autobahn suite. */
  readonly id: string;
  /** As a sentence: what is sent, and what for. */
  readonly title: string;
  readonly rule: string;
  readonly pieces: readonly Uint8Array[];
  /**
   * What is seen, in order: as `RawWebSocket.seen`; `?` before what may be missing, because the failure of the connection may
   * overtake it (RFC 6455 §7.1.7). `failed`: the connection is closed at once, with a fitting close frame or without;
   * `over`: it is closed with any close frame.
   * Without one of them or `close:` at the end, the connection must still work.
   */
  readonly expected: readonly string[];
  /** Sent with the handshake. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** An application message of exactly so many bytes, that is answered with its id. */
export function message(id: string, bytes = 0): Buffer {
  const json = JSON.stringify({ type: 'ping', id });
  return Buffer.concat([Buffer.from(json), Buffer.alloc(Math.max(0, bytes - Buffer.byteLength(json)), ' ')]);
}

/** What the edge's own protocol makes of text that is no message. */
export const NOT_A_MESSAGE = ['error:MDS_FRAME_CORRUPT', 'close:4500'] as const;
export const TOO_LARGE = ['error:MDS_REQUEST_INVALID', 'close:4501'] as const;

/** Cut into writes of so many bytes. */
export function chopped(bytes: Uint8Array, size: number): Buffer[] {
  const pieces = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(Buffer.from(bytes.subarray(at, at + size)));
  return pieces;
}

/** A message in fragments of so many bytes. */
export function fragmented(payload: Uint8Array, size: number, opcode: number = OPCODES.TEXT): Buffer[] {
  const parts = chopped(payload, size);
  return parts.map((part, at) =>
    frame({ opcode: at === 0 ? opcode : OPCODES.CONTINUATION, payload: part, fin: at === parts.length - 1 }),
  );
}

const ENDS = /^(failed|over|close:)/;
const BARRIER = 'answer:barrier';

/** @returns what is wrong; null when all is as it must be */
export async function tryCase(port: number, { pieces, expected, headers }: ConformanceCase): Promise<string | null> {
  const client = await RawWebSocket.open({ port, ...(headers === undefined ? {} : { headers }) });
  try {
    await client.write(...pieces);
    const isToEnd = ENDS.test(expected.at(-1) ?? '');
    if (!isToEnd) await client.write(text(message('barrier')));
    await client.until(() => client.isEnded || (!isToEnd && client.seen.includes(BARRIER)), 'the end of the case');
    const wanted = isToEnd ? expected : [...expected, BARRIER];
    return matches(client.seen, wanted) ? null : `wanted ${wanted.join(', ')}; saw ${client.seen.join(', ')}`;
  } catch (error) {
    return `${error instanceof Error ? error.message : error}; wanted ${expected.join(', ')}`;
  } finally {
    client.destroy();
  }
}

/** A failed connection shows as a close frame and the end, or as the end alone. */
export function matches(seen: readonly string[], wanted: readonly string[]): boolean {
  const [next, ...others] = wanted;
  if (next === undefined) return seen.length === 0 || (seen.length === 1 && seen[0] === 'end');
  if (next === 'over') return seen[0] === 'end' || (/^(failed|close:\d+)$/.test(seen[0] ?? '') && seen[1] === 'end');
  if (next === 'failed') return (seen[0] === 'failed' && seen[1] === 'end') || seen[0] === 'end';
  if (next.startsWith('?'))
    return matches(seen, others) || (seen[0] === next.slice(1) && matches(seen.slice(1), others));
  return seen[0] === next && matches(seen.slice(1), others);
}
