// A topic of plain records for tests of durable subscriptions, and records in it.

import type { Test } from 'tap';
import { createProducer, type KafkaProducer } from '../../../platform/kafka.ts';
import { createLogger } from '../../../platform/log.ts';
import { encodeConfluent } from '../../../schemas/confluent-wire.ts';
import type { ControlPlane, Surroundings } from './control-plane-in-process.ts';

export const ORDER = {
  type: 'record',
  name: 'Order',
  namespace: 'shop',
  fields: [{ name: 'amount', type: 'long' }],
} as const;

export async function aProducer(t: Test, { namespace }: Surroundings): Promise<KafkaProducer> {
  const brokers = namespace.env.MDS_KAFKA_BROKERS ?? '';
  const producer = await createProducer({ brokers, name: 'test', log: createLogger('test', 'silent') });
  t.teardown(() => producer.disconnect());
  return producer;
}

export interface OrderTopic {
  readonly name: string;
  readonly topicId: number;
  readonly kafkaTopic: string;
  readonly schemaId: number;
}

export async function aTopic(api: ControlPlane, name: string, partitions: number): Promise<OrderTopic> {
  const { status, body } = await api.call('POST', '/v1/topics', { name, partitions, schema: ORDER });
  if (status !== 201) throw new Error(`the topic was not created: ${JSON.stringify(body)}`);
  return body;
}

/** One order; amounts below 64 are one byte of Avro. */
export const anOrder = ({ schemaId }: OrderTopic, amount: number): Uint8Array =>
  encodeConfluent(schemaId, Uint8Array.of(amount * 2));
