import t from 'tap';
import { startService } from './service.ts';
t.setTimeout(60000);
t.test('x', async (t) => {
  const s = await startService(t, { workers: 0, edges: 1 });
  console.error(JSON.stringify(await s.api.status()));
  const c = await s.addCollector();
  await c.start();
  console.error(JSON.stringify(await s.api.topic('host.metrics')).slice(0,300));
});
