// Confluent wire format: how a Kafka record says which schema wrote it.
//
//   │ 0 │ schema id, u32 big endian │ Avro body … │
//
// Source: Confluent Schema Registry documentation, "Wire format".

const MAGIC_BYTE = 0;
export const CONFLUENT_HEADER_BYTES = 5;

/** @returns the writer's schema id, or null when the bytes are not framed so */
export function readSchemaId(record: Uint8Array): number | null {
  if (record.length < CONFLUENT_HEADER_BYTES || record[0] !== MAGIC_BYTE) return null;
  return new DataView(record.buffer, record.byteOffset, CONFLUENT_HEADER_BYTES).getUint32(1);
}

/** @param body the Avro binary of one value, written with the schema `schemaId` */
export function encodeConfluent(schemaId: number, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const record = new Uint8Array(CONFLUENT_HEADER_BYTES + body.length);
  new DataView(record.buffer).setUint32(1, schemaId);
  record.set(body, CONFLUENT_HEADER_BYTES);
  return record;
}
