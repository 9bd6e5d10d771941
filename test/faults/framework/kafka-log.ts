// What really stands in a topic, decoded with nothing but avsc: the truth a run is settled against. Producers
// alone would not do: a record whose acknowledgement was lost with a broker may be there all the same.

import avro from 'avsc';
import type { Measurement } from '../../integration/harness/measurement.ts';
import type { ProducedEvent } from '../../integration/harness/producer.ts';
import type { TopicInfo } from '../../integration/harness/rest-client.ts';
import { readTopic } from '../../integration/harness/topic-records.ts';

const HEADER_BYTES = 5;
const SCHEMA_ID_AT = 1;

export interface KafkaLog {
  readonly events: readonly ProducedEvent<Measurement>[];
  /** First offset that still exists, per partition. */
  readonly low: readonly number[];
}

/** Every event of the topic from its first offset to its present end. */
export async function readKafkaLog(brokers: string, topic: TopicInfo): Promise<KafkaLog> {
  const { records, low } = await readTopic(brokers, topic);
  const decode = decoderOf(topic);
  const events = records.flatMap(({ partition, offset, value }) =>
    decode(value).map((event, index) => ({ partition, offset, index, event })),
  );
  return { events, low };
}

function decoderOf({ schema, batchSchemaId }: TopicInfo): (value: Buffer) => readonly Measurement[] {
  const type = avro.Type.forSchema(schema as avro.Schema); // avsc checks it
  const batch = avro.Type.forSchema({
    type: 'record',
    name: 'TestBatch',
    fields: [{ name: 'events', type: { type: 'array', items: type } }],
  });
  return (value) => {
    const body = value.subarray(HEADER_BYTES);
    return value.readUInt32BE(SCHEMA_ID_AT) === batchSchemaId ? batch.fromBuffer(body).events : [type.fromBuffer(body)];
  };
}
