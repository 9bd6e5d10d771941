// Puts the collector together: Kafka, the topic from the control plane, the sources; and takes it apart in reverse.

import type { Static } from 'typebox';
import { startHealthServer } from '../../platform/health.ts';
import { createProducer, type KafkaProducer } from '../../platform/kafka.ts';
import type { ProcessContext, RunningProcess } from '../../platform/lifecycle.ts';
import { retry } from '../../platform/retry.ts';
import { reasonOf } from '../../schemas/errors.ts';
import { Collector, type CollectorObserver } from './collector.ts';
import type { collectorConfig } from './config.ts';
import { type EventEncoder, eventEncoder } from './event.ts';
import { type HostTopic, hostTopic } from './host-topic.ts';
import { machineSources } from './machine-sources.ts';
import type { RecordContent } from './record-content.ts';
import { serviceSource } from './service-source.ts';

type CollectorContext = ProcessContext<Static<typeof collectorConfig>>;

/** Of the 10 s that a process has to stop: time for the last round, and time to flush the producer. */
const DRAIN_DEADLINE_MS = 4000;
const TOPIC_RETRY = { baseMs: 200, maxMs: 2000 } as const;
/** Kafka may be away this long before a record counts as failed and readiness says so; it is then tried again. */
const DELIVERY_TIMEOUT_MS = 10_000;

export async function startCollector(context: CollectorContext): Promise<RunningProcess> {
  const { config, log, metrics, health, signal } = context;
  const server = await startHealthServer({ host: config.host, port: config.httpPort, health, metrics });
  const producer = await createProducer({
    brokers: config.kafkaBrokers,
    name: 'collector',
    deliveryTimeoutMs: DELIVERY_TIMEOUT_MS,
    connectTimeoutMs: config.connectTimeoutMs,
    log,
    health,
    signal,
  });
  const topic = await waitForTopic(context);
  log.info({ topic: topic.name, kafkaTopic: topic.kafkaTopic, host: config.collectHost }, 'collecting');
  const collector = new Collector({
    sources: [
      ...machineSources({ topProcesses: config.collectTopProcesses, slowRounds: config.collectSlowRounds }),
      serviceSource(config, config.collectServiceRounds),
    ],
    intervalMs: config.collectIntervalMs,
    queueEvents: config.collectQueueEvents,
    origin: { tenant: topic.tenant, host: config.collectHost, run: Date.now().toString(36) },
    send: senderOf(producer, topic, config.collectHost),
    observer: observerOf(context),
  });
  reportQueue(context, collector);
  collector.start();
  return {
    stop: async () => {
      await collector.stop(DRAIN_DEADLINE_MS);
      await producer.disconnect();
      await server.close();
    },
  };
}

/** The control plane may start later than this process, and stay away for as long as it likes. */
function waitForTopic({ config, log, health, signal }: CollectorContext): Promise<HostTopic> {
  return retry(() => hostTopic(config, config.collectTopic, signal), {
    ...TOPIC_RETRY,
    attempts: 'forever',
    signal,
    onRetry: (error, attempt) => {
      health.setReady('topic', false, reasonOf(error));
      if (attempt === 0) log.warn({ reason: reasonOf(error) }, 'waiting for the control plane');
    },
  }).finally(() => health.setReady('topic', true));
}

function senderOf(producer: KafkaProducer, topic: HostTopic, host: string): (record: RecordContent) => Promise<void> {
  const encoder = eventEncoder(topic);
  return async (record) => {
    await producer.produce(topic.kafkaTopic, null, encoded(encoder, record), host);
  };
}

const encoded = (encoder: EventEncoder, record: RecordContent): Uint8Array =>
  record.form === 'batch' ? encoder.batch(record.events) : encoder.single(record.event);

function observerOf({ metrics, log, health }: CollectorContext): CollectorObserver {
  const readings = metrics.counter('readings_total', 'Readings of a source, by outcome.', ['source', 'outcome']);
  const events = metrics.counter('events_total', 'Events that Kafka has accepted.');
  const records = metrics.counter('records_total', 'Records that Kafka has accepted.');
  const failing = new Set<string>();
  let isAway = false;
  return {
    onSource: (source, outcome, detail) => {
      readings.inc({ source, outcome });
      if (outcome === 'failed' && !failing.has(source)) {
        failing.add(source);
        log.warn({ source, reason: reasonOf(detail) }, 'source cannot be read, trying again each time');
      } else if (outcome === 'read' && failing.delete(source)) {
        log.info({ source }, 'source can be read again');
      }
    },
    onSent: (sentEvents, sentRecords) => {
      events.inc(sentEvents);
      records.inc(sentRecords);
      if (isAway) log.info('sending again');
      isAway = false;
      health.setReady('sending', true);
    },
    onSendFailure: (error) => {
      if (!isAway) log.warn({ reason: reasonOf(error) }, 'events cannot be sent, trying again');
      isAway = true;
      health.setReady('sending', false, reasonOf(error));
    },
  };
}

/** 10 s: at most six log lines a minute while events are being lost. */
const REPORT_INTERVAL_MS = 10_000;

function reportQueue({ metrics, config, log }: CollectorContext, collector: Collector): void {
  const queued = metrics.gauge('queue_events', 'Events that wait for Kafka.');
  const dropped = metrics.counter('dropped_events_total', 'Events dropped because the queue was full.');
  let reported = 0;
  const timer = setInterval(() => {
    queued.set(collector.queuedEvents);
    const events = collector.droppedEvents - reported;
    if (events === 0) return;
    dropped.inc(events);
    log.error({ events, limit: config.collectQueueEvents }, 'the queue is full, the oldest events were dropped');
    reported = collector.droppedEvents;
  }, REPORT_INTERVAL_MS);
  timer.unref();
}
