// The collector at work: a round of readings every interval, judged, watched for alerts, made into events, and sent.
//
//   Sampler ─▶ judged ─▶ AlertWatch ─▶ EventQueue (bounded) ─▶ records ─▶ sink
//
// Readings never wait for Kafka and Kafka never waits for readings; the queue between them is the only thing they share.

import { setTimeout as sleep } from 'node:timers/promises';
import { AlertWatch } from './alert-watch.ts';
import { type EventOrigin, eventOf, type HostEvent } from './event.ts';
import { EventQueue } from './event-queue.ts';
import { type RecordContent, recordsOf } from './record-content.ts';
import type { Sample } from './sample.ts';
import { Sampler, type Source } from './sampler.ts';
import { judged } from './severity.ts';

/** Events turned into records at a time: a few hundred make one batch record of some 50 KB. */
const EVENTS_PER_TURN = 500;
/** After a failure to send; the sink has retried on its own before it gave up. */
const RETRY_WAIT_MS = 1000;

interface CollectorOptions {
  readonly sources: readonly Source[];
  readonly intervalMs: number;
  readonly queueEvents: number;
  readonly origin: EventOrigin;
  /** Sends one record; resolves when Kafka has it. Records are given in order. */
  readonly send: (record: RecordContent) => Promise<void>;
  readonly observer: CollectorObserver;
}

export interface CollectorObserver {
  readonly onSource: (source: string, outcome: 'read' | 'failed' | 'skipped', detail?: unknown) => void;
  readonly onSent: (events: number, records: number) => void;
  readonly onSendFailure: (error: unknown) => void;
}

export class Collector {
  readonly #options: CollectorOptions;
  readonly #sampler: Sampler;
  readonly #watch = new AlertWatch();
  readonly #queue: EventQueue<HostEvent>;
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | null = null;
  #sequence = 0;
  #sending: Promise<void> | null = null;

  constructor(options: CollectorOptions) {
    this.#options = options;
    this.#queue = new EventQueue(options.queueEvents);
    const { onSource } = options.observer;
    this.#sampler = new Sampler(options.sources, {
      onSamples: (samples, source) => {
        onSource(source, 'read');
        this.#collect(samples);
      },
      onFailure: (source, error) => onSource(source, 'failed', error),
      onSkip: (source) => onSource(source, 'skipped'),
    });
  }

  get queuedEvents(): number {
    return this.#queue.size;
  }

  /** Events dropped because the queue was full. */
  get droppedEvents(): number {
    return this.#queue.dropped;
  }

  start(): void {
    this.#sampler.startRound();
    this.#timer = setInterval(() => {
      this.#sampler.startRound();
      this.#sendSoon();
    }, this.#options.intervalMs);
  }

  /** Starts no further reading, waits for those under way, and sends what is left, all within `deadlineMs`. */
  async stop(deadlineMs: number): Promise<void> {
    if (this.#timer) clearInterval(this.#timer);
    const deadline = Promise.withResolvers<void>();
    const timer = setTimeout(deadline.resolve, deadlineMs);
    await Promise.race([this.#sampler.settled(), deadline.promise]);
    this.#sendSoon();
    await Promise.race([this.#sending, deadline.promise]);
    clearTimeout(timer);
    this.#stopping.abort();
  }

  #collect(samples: readonly Sample[]): void {
    const readings = samples.map(judged);
    const all = [...readings, ...this.#watch.alertsFor(readings)];
    const nowMs = Date.now();
    this.#queue.add(all.map((sample) => eventOf(sample, this.#options.origin, this.#sequence++, nowMs)));
    // readings wait for the round's batch; what somebody may have to act on does not
    if (all.some(({ kind }) => kind === 'ALERT' || kind === 'CHANGE')) this.#sendSoon();
  }

  #sendSoon(): void {
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = null;
    });
  }

  async #sendAll(): Promise<void> {
    while (this.#queue.size > 0 && !this.#stopping.signal.aborted) {
      const events = this.#queue.take(EVENTS_PER_TURN);
      const records = recordsOf(events);
      for (const record of records) await this.#sendUntilAccepted(record);
      this.#options.observer.onSent(events.length, records.length);
    }
  }

  async #sendUntilAccepted(record: RecordContent): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#options.send(record);
        return;
      } catch (error) {
        this.#options.observer.onSendFailure(error);
        await sleep(RETRY_WAIT_MS, undefined, { signal: this.#stopping.signal }).catch(() => undefined); // stopping
      }
    }
  }
}
