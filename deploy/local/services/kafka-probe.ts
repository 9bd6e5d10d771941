// Asks a Kafka broker the one question that tells whether it serves: a Metadata request, in Kafka's own wire protocol.
// Written out here (30 bytes) because a client library would need a second and a native module to ask it.
//
//   request   │ size i32 │ api 3 i16 │ version 5 i16 │ correlation i32 │ client id str │ topics i32 = 0 │ auto-create i8 = 0 │
//   response  │ size i32 │ correlation i32 │ throttle ms i32 │ brokers i32 │ …

import { connect } from 'node:net';

const API_METADATA = 3;
const METADATA_VERSION = 5;
const CORRELATION = 7;
const CLIENT_ID = 'mds-local';
const ANSWER_TIMEOUT_MS = 2_000;
/** Far above the answer about one broker and no topics: a longer one is not Kafka. */
const MAX_RESPONSE_BYTES = 64 * 1024;

/** The bytes of a Metadata request that names no topics. */
export function metadataRequest(): Buffer {
  const clientId = Buffer.from(CLIENT_ID, 'utf8');
  const body = Buffer.alloc(2 + 2 + 4 + 2 + clientId.length + 4 + 1);
  let at = body.writeInt16BE(API_METADATA, 0);
  at = body.writeInt16BE(METADATA_VERSION, at);
  at = body.writeInt32BE(CORRELATION, at);
  at = body.writeInt16BE(clientId.length, at);
  at += clientId.copy(body, at);
  at = body.writeInt32BE(0, at);
  body.writeInt8(0, at);
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length);
  return Buffer.concat([size, body]);
}

/** The number of live brokers in a Metadata response, or undefined while bytes are missing. */
export function brokerCountIn(response: Buffer): number | undefined {
  if (response.length < 4) return undefined;
  const size = response.readInt32BE(0);
  if (size < 12 || size > MAX_RESPONSE_BYTES) throw new Error('what listens there does not speak Kafka');
  if (response.length < 16) return undefined;
  if (response.readInt32BE(4) !== CORRELATION) throw new Error('what listens there does not speak Kafka');
  return response.readInt32BE(12);
}

/** How many brokers the cluster behind `host:port` says are live. */
export function liveBrokerCount(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const socket = connect({ host, port }, () => socket.write(metadataRequest()));
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy(new Error('no answer to a metadata request')));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('connection closed before the answer')));
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      try {
        const count = brokerCountIn(received);
        if (count === undefined) return;
        resolve(count);
        socket.destroy();
      } catch (error) {
        reject(error);
        socket.destroy();
      }
    });
  });
}
