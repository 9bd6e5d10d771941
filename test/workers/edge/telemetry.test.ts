import t from 'tap';
import { createMetrics } from '../../../platform/metrics.ts';
import { Telemetry } from '../../../workers/edge/telemetry.ts';

const sumOf = async (metrics: ReturnType<typeof createMetrics>, stage: string): Promise<number> => {
  const text = await metrics.registry.metrics();
  return Number(
    new RegExp(`^mds_edge_stage_seconds_sum\\{stage="${stage}"\\} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN,
  );
};

t.test('an envelope with events says how long each stage of its way took', async (t) => {
  const metrics = createMetrics('edge');
  const telemetry = new Telemetry(metrics, () => 10_000);
  telemetry.onEnvelope('applied', { oldestRecordMs: 9900, receivedMs: 9950, publishedMs: 9970, eventCount: 3 });
  telemetry.onEnvelope('applied', { oldestRecordMs: 0, receivedMs: 9950, publishedMs: 9970, eventCount: 0 });
  telemetry.onEnvelope('zombie');
  t.equal(await sumOf(metrics, 'broker'), 0.05);
  t.equal(await sumOf(metrics, 'worker'), 0.02);
  t.equal(await sumOf(metrics, 'kernel_and_lane'), 0.03);
});

t.test('clocks that differ make no time negative', async (t) => {
  const metrics = createMetrics('edge');
  new Telemetry(metrics, () => 10).onEnvelope('applied', {
    oldestRecordMs: 30,
    receivedMs: 20,
    publishedMs: 25,
    eventCount: 1,
  });
  t.equal(await sumOf(metrics, 'broker'), 0);
  t.equal(await sumOf(metrics, 'worker'), 0.005);
  t.equal(await sumOf(metrics, 'kernel_and_lane'), 0);
});
