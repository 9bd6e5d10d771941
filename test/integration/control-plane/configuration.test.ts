// Errors of the fleet and settings at run time, on real parts: a control plane and an edge that is a process of its own.

import t from 'tap';
import { WebSocket } from 'ws';
import type { ProcessConfiguration } from '../../../schemas/api/configuration.ts';
import type { ErrorReport } from '../../../schemas/api/error-report.ts';
import { runMds } from '../../client/command/run-mds.ts';
import { startService } from '../harness/service.ts';
import { until } from '../harness/until.ts';

t.setTimeout(120_000);
const TIMEOUT_MS = 20_000;

interface List<Item> {
  readonly items: readonly Item[];
}

t.test('settings change while processes run, and errors of all of them are one list', async (t) => {
  const service = await startService(t, { workers: 1, edges: 1 });
  const { api } = service;
  const mds = (...args: string[]) => runMds(['--api', api.url, ...args]);
  const configurationOf = async (component: string): Promise<ProcessConfiguration | undefined> =>
    (await api.get<List<ProcessConfiguration>>(`/v1/configuration?component=${component}`)).items[0];
  const settingOf = async (component: string, name: string) =>
    (await configurationOf(component))?.settings.find((setting) => setting.name === name);
  for (const component of ['control', 'stream', 'edge']) {
    await until(`the report of ${component}`, TIMEOUT_MS, async () => (await configurationOf(component)) !== undefined);
  }

  await t.test('a change reaches the process within seconds, and holds for one that starts later', async (t) => {
    t.match(await settingOf('edge', 'edgeMaxConnections'), { value: 10_000, source: 'default', isChangeable: true });
    const set = await mds('config', 'set', 'edge', 'edgeMaxConnections', '1');
    t.equal(set.code, 0, set.stderr);
    await until('the edge to have it', TIMEOUT_MS, async () => {
      const setting = await settingOf('edge', 'edgeMaxConnections');
      return setting?.value === 1 && setting.source === 'runtime';
    });
    const url = (await api.status()).edges[0]?.clientUrl ?? '';
    const [first, second] = [new WebSocket(url), new WebSocket(url)];
    const codes: number[] = [];
    for (const socket of [first, second]) socket.on('close', (code) => codes.push(code));
    await until('one too many to be refused', TIMEOUT_MS, () => codes.includes(4005));
    t.same(codes, [4005], 'the limit that was set holds');
    for (const socket of [first, second]) socket.terminate();

    await service.edge(0).end('SIGTERM');
    await service.edge(0).start();
    await until('the new process to have it', TIMEOUT_MS, async () => {
      const { items } = await api.get<List<ProcessConfiguration>>('/v1/configuration?component=edge');
      return items.some(({ revision, settings }) => {
        return revision > 0 && settings.some(({ name, value }) => name === 'edgeMaxConnections' && value === 1);
      });
    });
    const unset = await mds('config', 'unset', 'edge', 'edgeMaxConnections');
    t.equal(unset.code, 0, unset.stderr);
    await until('it to be taken back', TIMEOUT_MS, async () => {
      return (await settingOf('edge', 'edgeMaxConnections'))?.source === 'default';
    });
  });

  await t.test('what does not fit is refused before anybody hears of it', async (t) => {
    const refused = await mds('config', 'set', 'edge', 'edgeMaxConnections', '0');
    t.match([refused.code, refused.stderr], [1, /must be a whole number from 1 to 1000000/]);
    const fixed = await mds('config', 'set', 'edge', 'edgePort', '1');
    t.match([fixed.code, fixed.stderr], [1, /it changes only with a restart/]);
    const nobody = await mds('config', 'set', 'nothing', 'logLevel', 'debug');
    t.match([nobody.code, nobody.stderr], [1, /MDS_NOT_FOUND/]);
  });

  await t.test('errors of clients and callers are grouped, with advice', async (t) => {
    await service.createTopic({ name: 'somewhere', partitions: 1 }); // an edge without any topic waits for its catalog
    const url = (await api.status()).edges.find(({ state }) => state === 'running')?.clientUrl ?? '';
    const socket = new WebSocket(url);
    t.teardown(() => socket.terminate());
    socket.on('open', () => {
      for (const id of ['a', 'b']) socket.send(JSON.stringify({ type: 'subscribe', id, topic: 'nowhere' }));
    });
    await fetch(`${api.url}/v1/topics/nowhere`);
    let found: readonly ErrorReport[] = [];
    await until('both', TIMEOUT_MS, async () => {
      found = (await api.get<List<ErrorReport>>('/v1/errors?topic=nowhere')).items;
      return found.length >= 2;
    });
    const byComponent = Object.fromEntries(found.map((one) => [one.component, one]));
    t.match(byComponent.edge, { code: 'MDS_TOPIC_UNKNOWN', count: 2, tenant: 'default' });
    t.match(byComponent.control, { code: 'MDS_TOPIC_UNKNOWN', advice: /Create the topic/ });
    const mdsErrors = await mds('errors', '--topic', 'nowhere');
    t.match(mdsErrors.stdout, /2 × MDS_TOPIC_UNKNOWN in edge about nowhere of tenant default/);
  });
});
