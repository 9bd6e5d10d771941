// Random and damaged input for the doors of a service that runs, from the generators of test/fuzz. A seed gives the same
// inputs again.

import { changedText } from '../../fuzz/changed-text.ts';
import { TARGETS } from '../../fuzz/corpus.ts';
import { aMeasurement, MEASUREMENT_SCHEMA } from '../../integration/harness/measurement.ts';
import { type Choose, pick } from '../../schemas/plan/pools.ts';
import { damagedBody } from '../../workers/stream/kernel/damage-case.ts';
import { message } from '../websocket/conformance-case.ts';
import { binary, close, continuation, ping, text } from '../websocket/raw-websocket.ts';

/** A message of the edge's own protocol, changed; now and then one that names a topic which is there. */
export function clientMessage(choose: Choose, topic: string): string {
  const target = TARGETS.find(({ name }) => name === 'message');
  const input = target?.draw(choose);
  if (typeof input !== 'object' || input === null || !('text' in input))
    throw new Error('there is no such fuzz target');
  const drawn = String(input.text);
  return choose(4) === 0 ? drawn.replaceAll('"alerts"', JSON.stringify(topic)) : drawn;
}

/** A stream of frames that were good before they were damaged. */
export function damagedFrames(choose: Choose): Buffer {
  const good = Buffer.concat([
    text(message('a', 20 + choose(300))),
    text('{"type":"subscribe"', { fin: false }),
    ping('p'),
    continuation(',"id":"s","topic":"t"}'),
    binary(Buffer.alloc(choose(50))),
    close(1000 + choose(20)),
  ]);
  return damagedBody(good, choose);
}

const MEDIA_TYPES = [
  'application/json',
  'application/json',
  'application/x-ndjson',
  'application/x-ndjson',
  'text/plain',
  'avro/binary',
];

export interface IngestInput {
  readonly type: string;
  readonly body: string;
}

/** A request of some events, changed in its text. */
export function ingestRequest(choose: Choose): IngestInput {
  const events = Array.from({ length: 1 + choose(4) }, () => aMeasurement(choose(1_000_000)));
  const type = pick(choose, MEDIA_TYPES);
  const body =
    type === 'application/x-ndjson' ? events.map((event) => JSON.stringify(event)).join('\n') : JSON.stringify(events);
  return { type, body: changedText(body, choose) };
}

/** The bytes of an HTTP request, damaged. */
export function damagedRequest(choose: Choose, path: string): Buffer {
  const body = JSON.stringify({ name: 'x', schema: MEASUREMENT_SCHEMA });
  const lines = [
    `${pick(choose, ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])} ${path} HTTP/1.1`,
    'Host: localhost',
    'Content-Type: application/json',
    pick(choose, [
      `Content-Length: ${body.length}`,
      'Transfer-Encoding: chunked',
      'Content-Length: -1',
      'Expect: 100-continue',
    ]),
    `X-${'y'.repeat(choose(2000))}: z`,
  ];
  return damagedBody(Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`), choose);
}

export const damagedRecord = (choose: Choose, body: Uint8Array): Buffer => damagedBody(body, choose);
