// Events as their producers wrote them: nothing is transcoded on the way, and a program that has its own Avro library gets
// the bytes, while `make run` runs:
//   MDS_API_KEY=$(./mds keys create raw-avro --grant subscribe:host.metrics) .toolchain/bin/node docs/examples/raw-avro.ts

import { avscDecoder } from '../../client/library/avsc-decoder.ts';
import { type AvroDatum, connect } from '../../client/library/index.ts';

const { MDS_API_URL: api = 'http://127.0.0.1:9400', MDS_API_KEY: credential } = process.env;

/** Raw: the id of the writer's schema and the bytes. The schema: GET /v1/schemas/{id}. */
const raw = connect({ api, credential, format: 'avro' });
for await (const { data, cursor } of raw.subscribe<AvroDatum>({ topic: 'host.metrics' })) {
  console.log(`${cursor.partition}:${cursor.offset}:${cursor.index}`, data.schemaId, data.bytes.length);
  break;
}
raw.close();

/** Decoded here, with avsc: the same values as in JSON. */
const decoded = connect({ api, credential, format: 'avro', avro: { decoder: avscDecoder } });
for await (const { data } of decoded.subscribe({ topic: 'host.metrics' })) {
  console.log(data);
  break;
}
decoded.close();
