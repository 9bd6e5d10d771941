// Prints the busy cores of every host that the service knows, and goes on where it was after a break:
//   MDS_API_KEY=$(./mds keys create hot-cores --grant subscribe:host.metrics) .toolchain/bin/node docs/examples/hot-cores.ts

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from '../../client/library/index.ts';

const TOKEN_FILE = '/tmp/hot-cores.token';
const { MDS_API_URL, MDS_API_KEY } = process.env;
const client = connect({ api: MDS_API_URL ?? 'http://127.0.0.1:9400', credential: MDS_API_KEY });
const cores = client.subscribe<{ host: string; value: number; labels: Record<string, string> }>({
  topic: 'host.metrics',
  filter: 'name == "cpu.usage" && has(labels.core) && labels.core != "all" && value > 20.0',
  fields: ['host', 'value', 'labels.core'],
  ...(existsSync(TOKEN_FILE) ? { resume: readFileSync(TOKEN_FILE, 'utf8') } : {}),
  onGap: (gap) => console.error('Kafka no longer holds', gap),
});
process.once('SIGINT', () => client.close());
for await (const { data, cursor } of cores) {
  console.log(
    `${cursor.partition}:${cursor.offset}`,
    data.host,
    `core ${data.labels.core}`,
    `${data.value.toFixed(1)} %`,
  );
  writeFileSync(TOKEN_FILE, cores.token ?? '');
}
