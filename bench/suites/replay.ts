// Suite `replay`: a client resumes far back. How many events a second does the service scan for it, and does everything come?

import { beforeRecord } from '../../schemas/cursor.ts';
import { encodeResumeToken } from '../../schemas/resume-token.ts';
import { BenchService } from '../load/bench-service.ts';
import { ClientConnection } from '../load/client-connection.ts';
import { type LoadShape, templateEvents } from '../load/events.ts';
import { readEvents, readHead } from '../load/events-frame.ts';
import { ExpectedStream, expectedCount, wantedBy } from '../load/expectation.ts';
import { distinctFilter } from '../load/filters.ts';
import { LoadGenerator } from '../load/load-generator.ts';
import type { Suite } from '../suite.ts';

const TOPIC = 'replay';
const SHAPE: LoadShape = { partitions: 4, eventsPerRecord: 500, templates: 64, cardinality: 10_000 };
const EVENTS = { quick: 1_500_000, full: 4_000_000 } as const;
const FILL_EVENTS_PER_SECOND = 250_000;
const REPETITIONS = 3;
const REPLAY_TIMEOUT_MS = 60_000;

export const replaySuite: Suite = {
  name: 'replay',
  summary: 'events/s scanned when a client resumes far back',
  runsBy: 'quick',
  run: async ({ stack, size, progress }) => {
    const { services } = await stack();
    // The default budget keeps replays from starving live delivery; here there is nothing else to do.
    const env = { MDS_REPLAY_BYTES_PER_SECOND: String(2 ** 30) };
    const service = await BenchService.start(services, { workers: 1, edges: 1, env });
    try {
      const load = await LoadGenerator.start(service, {
        topicName: TOPIC,
        shape: SHAPE,
        connections: 1,
        subscriptionsPerConnection: 1,
        filters: 'distinct',
        compression: 'none',
      });
      const phase = (seconds: number) => ({ eventsPerSecond: FILL_EVENTS_PER_SECOND, seconds });
      const filled = await load.run({
        name: 'filling',
        warmup: phase(1),
        phases: [phase(EVENTS[size] / FILL_EVENTS_PER_SECOND)],
      });
      await load.end();
      const records = Math.floor(filled.produced / SHAPE.eventsPerRecord);
      const recordsByPartition = Array.from({ length: SHAPE.partitions }, (_, p) =>
        Math.ceil((records - p) / SHAPE.partitions),
      );
      const { topicId } = await service.topic(TOPIC);
      progress(`${filled.produced.toLocaleString('en')} events are in Kafka`);
      const failures: string[] = [];
      const rates: number[] = [];
      for (let i = 0; i < REPETITIONS; i++) {
        const seconds = await replay(service.edgePort(0), topicId, i, recordsByPartition, failures);
        rates.push(filled.produced / seconds);
        progress(`resumed from the beginning: ${Math.round(rates.at(-1) ?? 0).toLocaleString('en')} events/s scanned`);
      }
      const sorted = rates.toSorted((a, b) => a - b);
      return {
        config: {
          events: filled.produced,
          repetitions: REPETITIONS,
          filter: 'one event in 10,000',
          replayBudget: '1 GiB/s instead of 64 MiB/s',
        },
        failures,
        figures: [
          {
            id: 'replay.eventsPerSecond',
            label: 'replay: events scanned a second for one client',
            unit: 'events/s',
            better: 'higher',
            value: sorted[Math.floor(sorted.length / 2)] ?? 0,
            low: sorted[0] ?? 0,
            high: sorted.at(-1) ?? 0,
          },
        ],
        runs: [],
        profiles: [],
      };
    } finally {
      await service.stop();
    }
  },
};

/** @returns seconds from asking to being live */
async function replay(
  port: number,
  topicId: number,
  number: number,
  recordsByPartition: readonly number[],
  failures: string[],
): Promise<number> {
  const filter = distinctFilter(number * 10, SHAPE); // by host
  const wanted = wantedBy(filter, templateEvents(SHAPE));
  const faults = { lost: 0, unexpected: 0 };
  const streams = recordsByPartition.map((_, partition) => new ExpectedStream(wanted, SHAPE, partition, 0, faults));
  const live = Promise.withResolvers<void>();
  let received = 0;
  const connection = await ClientConnection.open(port, false, {
    onEvents: (frame) => {
      const { partition } = readHead(frame);
      received += readEvents(frame, (offset, index) => streams[partition]?.take(offset, index));
    },
    onEventsHead: () => undefined,
    onControl: (frame) => {
      if (frame.type === 'live') live.resolve();
      if (frame.type === 'error' || frame.type === 'goodbye') live.reject(new Error(JSON.stringify(frame)));
    },
    onLost: (why) => live.reject(new Error(why)),
  });
  const position = new Map(recordsByPartition.map((_, partition) => [partition, beforeRecord(0)]));
  const startedMs = performance.now();
  connection.send({
    type: 'subscribe',
    id: 'r',
    topic: TOPIC,
    filter: filter.cel,
    resume: encodeResumeToken({ topicId, position }),
  });
  const timeout = setTimeout(() => live.reject(new Error('the replay did not end')), REPLAY_TIMEOUT_MS);
  await live.promise.finally(() => clearTimeout(timeout));
  const seconds = (performance.now() - startedMs) / 1000;
  connection.end();
  const expected = expectedCount(wanted, SHAPE, recordsByPartition);
  if (received !== expected || faults.lost + faults.unexpected > 0) {
    failures.push(`${received} of ${expected} events came, ${faults.lost} lost, ${faults.unexpected} out of place`);
  }
  return seconds;
}
