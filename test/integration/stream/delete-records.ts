// Kafka's DeleteRecords request, which node-rdkafka does not have: makes a partition begin later, as retention does, but
// at once. Version 1 of api 21, before flexible encodings: lengths are plain integers.

import { connect } from 'node:net';

const API_KEY = 21;
const API_VERSION = 1;
const TIMEOUT_MS = 30_000;

/** @param beforeOffset the partition's new first offset */
export async function deleteRecords(
  broker: string,
  topic: string,
  partition: number,
  beforeOffset: number,
): Promise<void> {
  const [host, port] = broker.split(':');
  const name = Buffer.from(topic);
  const request = Buffer.alloc(4 + 2 + 2 + 4 + 2 + 4 + 2 + name.length + 4 + 4 + 8 + 4);
  let at = request.writeInt32BE(request.length - 4, 0);
  at = request.writeInt16BE(API_KEY, at);
  at = request.writeInt16BE(API_VERSION, at);
  at = request.writeInt32BE(1, at); // correlation id
  at = request.writeInt16BE(-1, at); // no client id
  at = request.writeInt32BE(1, at); // topics
  at = request.writeInt16BE(name.length, at);
  at += name.copy(request, at);
  at = request.writeInt32BE(1, at); // partitions
  at = request.writeInt32BE(partition, at);
  at = request.writeBigInt64BE(BigInt(beforeOffset), at);
  request.writeInt32BE(TIMEOUT_MS, at);
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const socket = connect(Number(port), host, () => socket.write(request));
  socket.on('data', resolve);
  socket.on('error', reject);
  socket.on('close', () => reject(new Error('Kafka closed the connection')));
  const answer = await promise;
  socket.destroy();
  // length, correlation id, throttle, topics, name, partitions, partition, low watermark, error code
  const errorCode = answer.readInt16BE(4 + 4 + 4 + 4 + 2 + name.length + 4 + 4 + 8);
  if (errorCode !== 0) throw new Error(`DeleteRecords failed with code ${errorCode}`);
}
