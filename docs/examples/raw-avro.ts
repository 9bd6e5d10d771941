// Events as their producers wrote them: nothing is transcoded on the way, and a program that has its own Avro library gets
// the bytes, while `make run` runs:
//   .toolchain/bin/node docs/examples/raw-avro.ts

import { avscDecoder } from '../../client/library/avsc-decoder.ts';
import { type AvroDatum, connect } from '../../client/library/index.ts';

const api = process.env.MDS_API_URL ?? 'http://127.0.0.1:9400';

/** Raw: the id of the writer's schema and the bytes. The schema: GET /v1/schemas/{id}. */
const raw = connect({ api, format: 'avro' });
for await (const { data, cursor } of raw.subscribe<AvroDatum>({ topic: 'host.metrics' })) {
  console.log(`${cursor.partition}:${cursor.offset}:${cursor.index}`, data.schemaId, data.bytes.length);
  break;
}
raw.close();

/** Decoded here, with avsc: the same values as in JSON. */
const decoded = connect({ api, format: 'avro', avro: { decoder: avscDecoder } });
for await (const { data } of decoded.subscribe({ topic: 'host.metrics' })) {
  console.log(data);
  break;
}
decoded.close();
