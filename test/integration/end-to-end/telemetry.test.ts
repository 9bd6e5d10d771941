// The collector's events, on their way to a subscriber: this machine's CPU, and an alert when a service goes away.

import t from 'tap';
import { startService } from '../harness/service.ts';
import { until } from '../harness/until.ts';
import { WireSubscriber } from '../harness/wire-subscriber.ts';

const TIMEOUT_MS = 40_000;

t.setTimeout(120_000);

t.test("a subscriber sees this machine's telemetry, and an alert when an edge dies", async (t) => {
  const service = await startService(t, { workers: 1, edges: 2 });
  const collector = await service.addCollector({ MDS_COLLECT_INTERVAL_MS: '250', MDS_COLLECT_HOST: 'test-host' });
  await collector.start();
  await service.assigned('host.metrics');
  const connection = await WireSubscriber.connect(service.edge(0).clientUrl);
  t.teardown(() => connection.close());
  const cpu = await connection.subscribe({
    id: 'cpu',
    topic: 'host.metrics',
    filter: 'kind == METRIC && name == "cpu.usage" && host == "test-host"',
    fields: ['name', 'value', 'unit', 'labels.core'],
  });
  const alerts = await connection.subscribe({
    id: 'alerts',
    topic: 'host.metrics',
    filter: 'kind == ALERT && service == "edge"',
    fields: ['service', 'severity', 'labels'],
  });
  await until('readings of the CPU', TIMEOUT_MS, () => cpu.received.length >= 8);
  t.match(cpu.received[0]?.data, { name: 'cpu.usage', value: Number, unit: '%', labels: { core: String } });

  service.edge(1).signal('SIGSTOP');
  await until('an alert about the edge', TIMEOUT_MS, () => alerts.received.length >= 1);
  t.match(alerts.received[0]?.data, { service: 'edge', severity: 'CRITICAL', labels: { instance: 'edge-2' } });
  service.edge(1).signal('SIGCONT');
  const end = await collector.end('SIGTERM');
  t.equal(end.code, 0);
});
