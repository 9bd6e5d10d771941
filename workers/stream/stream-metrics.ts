// What the stream worker counts, per batch: for Prometheus, and as rates for its heartbeat.

import type { Metrics } from '../../platform/metrics.ts';
import type { KernelAnswer } from './kernel/kernel-task.ts';

export interface Rates {
  readonly eventsInPerSecond: number;
  readonly recordsInPerSecond: number;
  readonly bytesInPerSecond: number;
  /** Share of the interval that the busiest thread worked, 0-1. */
  readonly kernelBusyRatio: number;
}

const NO_RATES: Rates = { eventsInPerSecond: 0, recordsInPerSecond: 0, bytesInPerSecond: 0, kernelBusyRatio: 0 };
/** A heartbeat's rates are those of this long; shorter, and they jump with every batch. */
const RATE_WINDOW_MS = 3000;
const RUN_SECONDS_BUCKETS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5];

export class StreamMetrics {
  readonly #records;
  readonly #bytes;
  readonly #events;
  readonly #matches;
  readonly #rejects;
  readonly #envelopes;
  readonly #envelopeBytes;
  readonly #planFailures;
  readonly #publishRetries;
  readonly #replays;
  readonly #replaysMerged;
  readonly #replayScannedBytes;
  readonly #explanations;
  readonly #recoveries;
  readonly #deadLetters;
  readonly #routedRecords;
  readonly #routedEvents;
  readonly #routeFailures;
  readonly #runSeconds;
  readonly #cpuSeconds;
  readonly #owned;
  readonly #channels;
  readonly #lag;
  readonly #busyMs: number[];
  #sum = { records: 0, bytes: 0, events: 0 };
  #windowStartMs: number;
  #rates = NO_RATES;
  rejectedRecords = 0;

  constructor(metrics: Metrics, threadCount: number, nowMs: number) {
    this.#records = metrics.counter('records_total', 'Records taken from Kafka');
    this.#bytes = metrics.counter('record_bytes_total', 'Bytes of their values and keys');
    this.#events = metrics.counter('events_total', 'Events in them');
    this.#matches = metrics.counter('matches_total', 'Events given to channels of lanes');
    this.#rejects = metrics.counter('rejected_records_total', 'Records sent to a dead-letter topic', ['reason']);
    this.#envelopes = metrics.counter('envelopes_total', 'Envelopes written, empty ones too');
    this.#envelopeBytes = metrics.counter('envelope_bytes_total', 'Bytes of these envelopes');
    this.#planFailures = metrics.counter('plan_failures_total', "Plans that do not fit a writer's schema");
    this.#publishRetries = metrics.counter('publish_retries_total', 'Times that Redis refused or did not answer');
    this.#replays = metrics.counter('replays_total', 'Replay requests', ['outcome']);
    this.#replaysMerged = metrics.counter(
      'replays_merged_total',
      'Replay requests answered from the reading of another',
    );
    this.#replayScannedBytes = metrics.counter('replay_scanned_bytes_total', 'Bytes of records read for replays');
    this.#explanations = metrics.counter('explanations_total', 'Questions about filters', ['outcome']);
    this.#deadLetters = metrics.counter('dead_letters_total', 'Requests for dead letters of durable subscriptions', [
      'outcome',
    ]);
    this.#routedRecords = metrics.counter('route_records_total', 'Records that routes have read and committed');
    this.#routedEvents = metrics.counter('route_events_total', 'Events that routes have written and committed');
    this.#routeFailures = metrics.counter('route_failures_total', 'Times that a route began anew');
    this.#recoveries = metrics.counter('consumer_recoveries_total', 'Remedies for a consumer that stopped', ['step']);
    this.#runSeconds = metrics.histogram(
      'kernel_run_seconds',
      'Time a kernel thread works on a run',
      RUN_SECONDS_BUCKETS,
    );
    this.#cpuSeconds = metrics.counter('kernel_cpu_seconds_total', 'CPU time of the kernel threads');
    this.#owned = metrics.gauge('owned_partitions', 'Partitions this worker owns');
    this.#channels = metrics.gauge('channels', 'Channels wanted, counted for each lane');
    this.#lag = metrics.gauge('lag_records', 'Records in Kafka that were not read yet, over all owned partitions');
    this.#busyMs = Array.from({ length: threadCount }, () => 0);
    this.#windowStartMs = nowMs;
  }

  ran(thread: number, answer: KernelAnswer, recordCount: number, byteCount: number): void {
    this.#records.inc(recordCount);
    this.#bytes.inc(byteCount);
    this.#events.inc(answer.eventCount);
    this.#matches.inc(answer.matchCount);
    this.#envelopes.inc(answer.envelopes.length);
    this.#envelopeBytes.inc(answer.envelopes.reduce((bytes, { length }) => bytes + length, 0));
    this.#planFailures.inc(answer.failures.length);
    this.#runSeconds.observe(answer.busyMs / 1000);
    this.#cpuSeconds.inc(answer.cpuMs / 1000);
    for (const { code } of answer.rejects) this.#rejects.inc({ reason: code });
    this.rejectedRecords += answer.rejects.length;
    this.#busyMs[thread] = (this.#busyMs[thread] ?? 0) + answer.busyMs;
    this.#sum.records += recordCount;
    this.#sum.bytes += byteCount;
    this.#sum.events += answer.eventCount;
  }

  publishRetried(): void {
    this.#publishRetries.inc();
  }

  /** @param merged how many of them needed no reading of their own */
  replayed(outcome: string, count: number, merged = 0): void {
    this.#replays.inc({ outcome }, count);
    this.#replaysMerged.inc(merged);
  }

  replayScanned(bytes: number): void {
    this.#replayScannedBytes.inc(bytes);
  }

  deadLettered(outcome: string, count: number): void {
    this.#deadLetters.inc({ outcome }, count);
  }

  recovered(step: string): void {
    this.#recoveries.inc({ step });
  }

  explained(outcome: string): void {
    this.#explanations.inc({ outcome });
  }

  forwarded(records: number, events: number): void {
    this.#routedRecords.inc(records);
    this.#routedEvents.inc(events);
  }

  routeFailed(): void {
    this.#routeFailures.inc();
  }

  owns(partitions: number, channels: number, lagRecords: number): void {
    this.#owned.set(partitions);
    this.#channels.set(channels);
    this.#lag.set(lagRecords);
  }

  /** Rates of the last full window. */
  rates(nowMs: number): Rates {
    const elapsedMs = nowMs - this.#windowStartMs;
    if (elapsedMs < RATE_WINDOW_MS) return this.#rates;
    const perSecond = (count: number): number => (count * 1000) / elapsedMs;
    this.#rates = {
      eventsInPerSecond: perSecond(this.#sum.events),
      recordsInPerSecond: perSecond(this.#sum.records),
      bytesInPerSecond: perSecond(this.#sum.bytes),
      kernelBusyRatio: Math.min(1, Math.max(...this.#busyMs) / elapsedMs),
    };
    this.#sum = { records: 0, bytes: 0, events: 0 };
    this.#busyMs.fill(0);
    this.#windowStartMs = nowMs;
    return this.#rates;
  }
}
