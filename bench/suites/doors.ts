// Suite `doors`: the same events to a thousand clients of one edge by WebSocket and by event stream, one after the other. What
// a message with an id of its own for each reader costs beside a frame that all share.

import { setTimeout as delay } from 'node:timers/promises';
import { figureOnce } from '../figure.ts';
import { BenchService } from '../load/bench-service.ts';
import type { Door, DoorClientsAnswer, DoorClientsSetting } from '../load/doors.ts';
import type { LoadShape } from '../load/events.ts';
import { nowUs } from '../load/histograms.ts';
import type { ProducedAnswer, ProducerSetting } from '../load/producer.ts';
import { type Figure, latencyAt } from '../result.ts';
import type { Suite } from '../suite.ts';
import { Part } from './ceilings/part.ts';

const CLIENTS = 1000;
const EVENTS_PER_SECOND = 100;
const WARMUP_SECONDS = 3;
const SECONDS = { quick: 8, full: 20 } as const;
const FIELDS = ['id', 'host', 'name', 'severity', 'service', 'timestamp', 'value'];
const SHAPE: LoadShape = { partitions: 1, eventsPerRecord: 10, templates: 32, cardinality: 1000 };
const LEAD_US = 150_000;
const DOORS: readonly (readonly [door: Door, title: string])[] = [
  ['websocket', 'WebSocket'],
  ['sse', 'event stream'],
];

interface DoorRun extends DoorClientsAnswer {
  readonly expected: number;
  readonly edgeCores: number;
}

export const doorsSuite: Suite = {
  name: 'doors',
  summary: 'the same events to 1,000 clients by WebSocket and by event stream',
  runsBy: 'name',
  run: async ({ stack, size, progress }) => {
    const { services } = await stack();
    const service = await BenchService.start(services, { workers: 1, edges: 1 });
    const figures: Figure[] = [];
    const failures: string[] = [];
    try {
      for (const [door, title] of DOORS) {
        const { latency, edgeCores, expected, received, least, most, ...run } = await runDoor(
          service,
          door,
          SECONDS[size],
        );
        const p50 = latencyAt(latency, 0.5);
        const p99 = latencyAt(latency, 0.99);
        progress(
          `${title}: P50 ${p50.toFixed(1)} ms, P99 ${p99.toFixed(1)} ms, edge ${edgeCores.toFixed(2)} cores, ${received} deliveries`,
        );
        if (least !== expected || most !== expected) {
          failures.push(`${title}: of ${expected} events a client got ${least} to ${most}`);
        }
        if (run.failures > 0) failures.push(`${title}: ${run.failures} clients were lost`);
        figures.push(
          figureOnce(`doors.${door}P50`, `${title}: latency P50`, 'ms', 'lower', p50),
          figureOnce(`doors.${door}P99`, `${title}: latency P99`, 'ms', 'lower', p99),
          figureOnce(`doors.${door}Cores`, `${title}: the edge's CPU`, 'cores', 'lower', edgeCores),
        );
      }
    } finally {
      await service.stop();
    }
    const config = { clients: CLIENTS, eventsPerSecond: EVENTS_PER_SECOND, eventsPerRecord: SHAPE.eventsPerRecord };
    return {
      config: { ...config, measured: 'one client in 16; each counted' },
      failures,
      figures,
      runs: [],
      profiles: [],
    };
  },
};

async function runDoor(service: BenchService, door: Door, seconds: number): Promise<DoorRun> {
  const topic = await service.createTopic(`doors.${door}`, SHAPE.partitions);
  const producing: ProducerSetting = {
    brokers: service.stack.env.MDS_KAFKA_BROKERS ?? '',
    kafkaTopic: topic.kafkaTopic,
    schemaId: topic.batchSchemaId,
    shape: SHAPE,
    compression: 'none',
  };
  const reading: DoorClientsSetting = {
    ...{ door, topic: topic.name, port: service.edgePort(0), clients: CLIENTS, fields: FIELDS },
  };
  const producer = new Part(new URL('../load/producer-part.ts', import.meta.url), producing);
  const clients = new Part(new URL('../load/doors-part.ts', import.meta.url), reading);
  try {
    await Promise.all([producer.answer('ready'), clients.answer('ready')]);
    const startUs = nowUs() + LEAD_US;
    const fromUs = startUs + WARMUP_SECONDS * 1e6;
    clients.send({ kind: 'measure', fromUs });
    const phases = [WARMUP_SECONDS, seconds].map((some) => ({ eventsPerSecond: EVENTS_PER_SECOND, seconds: some }));
    producer.send({ kind: 'run', phases, startUs });
    await delay((fromUs - nowUs()) / 1000);
    const before = await service.cpuSeconds();
    const measuredFromUs = nowUs();
    const { events: expected } = (await producer.answer('produced')) as unknown as ProducedAnswer; // from producer-part.ts
    const after = await service.cpuSeconds();
    const edgeCores = (after.edge - before.edge) / ((nowUs() - measuredFromUs) / 1e6);
    clients.send({ kind: 'settle', expected });
    const settled = (await clients.answer('settled')) as unknown as DoorClientsAnswer; // from doors-part.ts
    return { ...settled, expected, edgeCores };
  } finally {
    await Promise.all([producer.end(), clients.end()]);
  }
}
