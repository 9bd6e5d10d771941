// The edge's metrics (mds_edge_…), recorded per envelope and never per event, and the window its heartbeat reads.

import type { ErrorBook } from '../../platform/management/error-book.ts';
import type { Metrics } from '../../platform/metrics.ts';
import { isResumable } from '../../schemas/close-codes.ts';
import type { MdsError } from '../../schemas/errors.ts';
import type { Channel } from './channel.ts';
import type { DeliveryObserver, EnvelopeTimes } from './delivery-options.ts';
import { LatencyWindow, type WindowSummary } from './latency-window.ts';
import type { RepairEvent } from './repair/topic-repairs.ts';

/** From "as fast as the machine" to "this is history"; seconds. */
const LATENCY_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600];

/** Finer: what a stage takes is a part of that. */
const STAGE_BUCKETS_SECONDS = [
  0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5,
  10, 60,
];

export interface Levels {
  readonly connections: number;
  readonly subscriptions: number;
  readonly channels: number;
  readonly joining: number;
  readonly replaysOutstanding: number;
  readonly replaysWaiting: number;
  /** Partitions that wait for a missing range. */
  readonly repairs: number;
  /** Connections that have not said yet who they are. */
  readonly unauthenticated: number;
  /** Subscribes that wait for their tenant's turn. */
  readonly waitingForTurn: number;
  /** Tenants that have used up what they may get for now. */
  readonly throttledTenants: number;
}

export class Telemetry implements DeliveryObserver {
  readonly #now: () => number;
  readonly #window: LatencyWindow;
  readonly #envelopes;
  readonly #frames;
  readonly #deliveries;
  readonly #bytes;
  readonly #gaps;
  readonly #corrupt;
  readonly #closes;
  readonly #opened;
  readonly #latency;
  readonly #stages;
  readonly #levels;
  readonly #repairs;
  readonly #repairedEvents;
  readonly #repairSeconds;
  readonly #heldBytes;
  readonly #reconnects;

  readonly #errors: ErrorBook | null;

  /** @param errors counts why subscriptions failed */
  constructor(metrics: Metrics, now: () => number, errors: ErrorBook | null = null) {
    this.#now = now;
    this.#errors = errors;
    this.#window = new LatencyWindow(now());
    this.#envelopes = metrics.counter('lane_envelopes_total', 'Live envelopes, by what became of them', ['outcome']);
    this.#frames = metrics.counter('frames_total', 'Frames with events sent to clients');
    this.#deliveries = metrics.counter('deliveries_total', 'Events given to clients; one to three clients is three');
    this.#bytes = metrics.counter('sent_bytes_total', 'Bytes of frames given to sockets');
    this.#gaps = metrics.counter(
      'gap_closed_clients_total',
      'Clients closed because the lane lost something of theirs that could not be read again',
    );
    this.#corrupt = metrics.counter('lane_corrupt_total', 'Lane messages that could not be read');
    this.#closes = metrics.counter('closes_total', 'Connections closed by the edge', ['code', 'resumable']);
    this.#opened = metrics.counter('connections_opened_total', 'Connections accepted');
    const help = 'From the Kafka timestamp of the oldest record in a frame to its sending';
    this.#latency = metrics.histogram('delivery_latency_seconds', help, LATENCY_BUCKETS_SECONDS);
    const stagesHelp =
      'Of an envelope with events: broker (record to worker), worker (until a kernel has it), kernel_and_lane (until here)';
    this.#stages = metrics.histogram('stage_seconds', stagesHelp, STAGE_BUCKETS_SECONDS, ['stage']);
    this.#levels = metrics.gauge('level', 'How many there are now', ['of']);
    const repairsHelp =
      'Repairs of one partition of the lane: begun, and how they ended; expired, given_up: ranges lost';
    this.#repairs = metrics.counter('repairs_total', repairsHelp, ['state']);
    this.#repairedEvents = metrics.counter('repaired_events_total', 'Events read again from Kafka for repairs');
    const secondsHelp = 'From the gap to the moment in which the partition is whole and live again';
    this.#repairSeconds = metrics.histogram('repair_seconds', secondsHelp, LATENCY_BUCKETS_SECONDS);
    this.#heldBytes = metrics.gauge('repair_held_bytes', 'Live envelopes that wait behind gaps');
    this.#reconnects = metrics.counter('lane_reconnects_total', 'Times the lane was connected anew', ['reason']);
  }

  onEnvelope(outcome: string, applied?: EnvelopeTimes): void {
    this.#envelopes.inc({ outcome });
    if (applied === undefined || applied.eventCount === 0) return;
    const { oldestRecordMs, receivedMs, publishedMs } = applied;
    this.#observeStage('broker', receivedMs - oldestRecordMs);
    this.#observeStage('worker', publishedMs - receivedMs);
    this.#observeStage('kernel_and_lane', this.#now() - publishedMs);
  }

  onSent(oldestRecordMs: number, frames: number, deliveries: number): void {
    const nowMs = this.#now();
    const latencyMs = oldestRecordMs > 0 ? Math.max(0, nowMs - oldestRecordMs) : null;
    this.#frames.inc(frames);
    this.#deliveries.inc(deliveries);
    this.#window.record(nowMs, frames, deliveries, latencyMs);
    if (latencyMs !== null) this.#latency.observe(latencyMs / 1000);
  }

  /** Clocks of several machines differ: a stage that took less than nothing took nothing. */
  #observeStage(stage: string, ms: number): void {
    this.#stages.observe({ stage }, Math.max(0, ms) / 1000);
  }

  onReplaySent(frameCount: number, eventCount: number): void {
    if (eventCount === 0) return;
    this.#frames.inc(frameCount);
    this.#deliveries.inc(eventCount);
    this.#window.record(this.#now(), frameCount, eventCount, null);
  }

  onGap(_channel: Channel, clients: number): void {
    this.#gaps.inc(clients);
  }

  onFailed(error: MdsError, { topic }: Channel): void {
    this.#errors?.record(error, { topic: topic.name, tenant: topic.tenant });
  }

  onRepair(event: RepairEvent): void {
    if (event.kind !== 'ended') {
      this.#repairs.inc({ state: event.kind });
      return;
    }
    this.#repairs.inc({ state: event.outcome });
    this.#repairedEvents.inc(event.eventCount);
    if (event.outcome === 'done') this.#repairSeconds.observe(event.tookMs / 1000);
  }

  onLaneReconnect(reason: string): void {
    this.#reconnects.inc({ reason });
  }

  setHeldBytes(byteCount: number): void {
    this.#heldBytes.set(byteCount);
  }

  onCorrupt(): void {
    this.#corrupt.inc();
  }

  onOpened(): void {
    this.#opened.inc();
  }

  onClosing(closeCode: number): void {
    this.#closes.inc({ code: String(closeCode), resumable: String(isResumable(closeCode)) });
  }

  onBytes(byteCount: number): void {
    this.#bytes.inc(byteCount);
  }

  setLevels(levels: Levels): void {
    for (const [of, value] of Object.entries(levels)) this.#levels.set({ of }, value);
  }

  summary(): WindowSummary {
    return this.#window.summary(this.#now());
  }
}
