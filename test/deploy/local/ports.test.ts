// Which ports the local stack takes, and who holds a busy one.

import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import t from 'tap';
import {
  busyPortMessage,
  commandLine,
  isPortFree,
  listeningInodes,
  portHolder,
} from '../../../deploy/local/port-holder.ts';
import { portPlan, portVariable } from '../../../deploy/local/port-plan.ts';
import { addressesOf } from '../../../deploy/local/processes.ts';

t.test('ports are a base and fixed offsets', async (t) => {
  t.match(portPlan({}), { controlPlane: 9400, kafka: 9401, postgres: 9405, edge: 9411, collectorHealth: 9431 });
  t.equal(portPlan({ MDS_PORT_BASE: '20000' }).kafka, 20_001);
  t.equal(portPlan({ MDS_PORT_BASE: '20000' }, 21_000).kafka, 21_001);
});

t.test('a single port can be moved', async (t) => {
  const plan = portPlan({ MDS_PORT_KAFKA_CONTROLLER: '12345', MDS_PORT_REDIS: '' });
  t.equal(plan.kafkaController, 12_345);
  t.equal(plan.redis, 9404);
  t.equal(portVariable('streamWorkerHealth'), 'MDS_PORT_STREAM_WORKER_HEALTH');
});

t.test('what is not a port is named with its variable', async (t) => {
  t.throws(() => portPlan({ MDS_PORT_BASE: 'http' }), /MDS_PORT_BASE is "http"/);
  t.throws(() => portPlan({ MDS_PORT_REDIS: '80' }), /MDS_PORT_REDIS is "80"/);
  t.throws(() => portPlan({ MDS_PORT_BASE: '65530' }), /MDS_PORT_BASE/);
});

t.test('two parts on one port are refused', async (t) => {
  t.throws(() => portPlan({ MDS_PORT_REDIS: '9405' }), /Port 9405 is given to both redis and postgres/);
});

t.test('each edge and stream worker has ports of its own', async (t) => {
  const ports = portPlan({});
  t.same(addressesOf('edge', 1, ports).listens, ['127.0.0.1:9413', '127.0.0.1:9414']);
  t.equal(addressesOf('stream-worker', 2, ports).healthPort, 9423);
  t.equal(addressesOf('control-plane', 0, ports).variables.MDS_HTTP_PORT, '9400');
  t.throws(() => addressesOf('edge', 5, ports), /ports for 5 edges/);
  t.throws(() => addressesOf('stream-worker', 10, ports), /ports for 10 stream workers/);
});

t.test('listening sockets are read from /proc/net/tcp, established ones are not', async (t) => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:24B8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 0100007F:24B8 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0
   2: 0100007F:24B9 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 0`;
  t.same(listeningInodes(table, 9400), ['4711']);
  t.same(listeningInodes('', 9400), []);
});

t.test('a command line is one short line', async (t) => {
  t.equal(commandLine('node\0deploy/local/run.ts\0'), 'node deploy/local/run.ts');
  t.equal(commandLine(`java\0${'x'.repeat(100)}`, 10), 'java xxxx…');
});

t.test('a busy port is found, with the process that holds it', async (t) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // a TCP server's
  t.equal(await isPortFree(port), false);
  t.equal(portHolder(port)?.pid, process.pid);
  await new Promise((resolve) => server.close(resolve));
  t.equal(await isPortFree(port), true);
  t.equal(portHolder(port), undefined);
});

t.test('the message about a busy port says who wants it, who has it and what to set', async (t) => {
  const busy = [{ wantedBy: 'Kafka', port: 9401, variable: 'MDS_PORT_KAFKA' }];
  t.match(
    busyPortMessage(busy, () => ({ pid: 12, command: 'nc -l' })),
    'Port 9401, wanted by Kafka, is held by pid 12 (nc -l)',
  );
  t.match(
    busyPortMessage(busy, () => ({ pid: 12, command: '' })),
    'pid 12 (no command line)',
  );
  t.match(
    busyPortMessage(busy, () => undefined),
    'a process that this user may not see: end that process, or set MDS_PORT_KAFKA',
  );
});
