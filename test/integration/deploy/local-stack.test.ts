// The local stack starts on free ports, answers, survives a kill of one of its services, and leaves no process behind.

import { createServer } from 'node:net';
import t from 'tap';
import { startStack } from '../../../deploy/local/local-stack.ts';
import { readProcessRecords } from '../../../deploy/local/process-file.ts';
import { SERVICE_NAMES } from '../../../deploy/local/services/index.ts';
import { freePortBase } from '../harness/free-port.ts';

t.setTimeout(240_000); // services are given a minute each where all cores are busy

t.test(
  'all services start, one is killed and started again with its data, and all are gone after stop',
  { timeout: 240_000 },
  async (t) => {
    const home = t.testdir();
    const stack = await startStack({ home, portBase: await freePortBase() });
    t.teardown(() => stack.stop());
    const pids = SERVICE_NAMES.map((name) => stack.pid(name));
    t.ok(pids.every((pid) => pid !== undefined));

    const schema = JSON.stringify({ schema: JSON.stringify({ type: 'record', name: 'A', fields: [] }) });
    const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' };
    const url = stack.env.MDS_REGISTRY_URL;
    const registered = await fetch(`${url}/subjects/a/versions`, { method: 'POST', headers, body: schema });
    const { id } = (await registered.json()) as { id: number }; // the registry's answer
    await stack.kill('registry');
    await stack.start('registry');
    t.equal((await fetch(`${url}/schemas/ids/${id}`)).status, 200);

    await stack.stop();
    t.ok(SERVICE_NAMES.every((name) => stack.pid(name) === undefined));
    t.same(readProcessRecords(stack.places.run), []);
    for (const pid of pids) t.throws(() => process.kill(pid ?? 0, 0), { code: 'ESRCH' });
  },
);

t.test('a busy port is named with its holder, and nothing is started', async (t) => {
  const portBase = await freePortBase();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(portBase + 4, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const home = t.testdir();
  await t.rejects(
    startStack({ home, portBase }),
    new RegExp(`Port ${portBase + 4}, wanted by Redis, is held by pid ${process.pid}`),
  );
  t.same(readProcessRecords(`${home}/run`), []);
});
