// The auditing side of a stream worker: takes samples from the list in Redis, one at a time, reads their ranges from Kafka
// with a consumer of its own, has them judged in a thread of its own, and adds up the counts. It rests after each sample as
// long as it worked, so that auditing never takes more than half of one core.

import { setTimeout as delay } from 'node:timers/promises';
import { Piscina } from 'piscina';
import { createConsumer, type KafkaConsumer } from '../../../platform/kafka.ts';
import type { ProcessContext } from '../../../platform/lifecycle.ts';
import type { Metrics } from '../../../platform/metrics.ts';
import { connectRedis, type Redis } from '../../../platform/redis.ts';
import { backoffMs } from '../../../platform/retry.ts';
import type { SchemaCache } from '../../../platform/schema-cache.ts';
import {
  AUDIT_COUNTS,
  AUDIT_MINUTE_TTL_SECONDS,
  type AuditCounts,
  type AuditKeys,
  AuditSample,
  auditKeys,
  NO_AUDIT,
} from '../../../schemas/audit.ts';
import { readSchemaId } from '../../../schemas/confluent-wire.ts';
import { readMessage } from '../../../schemas/coordination.ts';
import { reasonOf } from '../../../schemas/errors.ts';
import type { StreamConfig } from '../config.ts';
import type { TopicCatalog } from '../topic-catalog.ts';
import type { AuditRecord, AuditTask } from './range-audit.ts';

const POP_TIMEOUT_SECONDS = 5;
const ERROR_BACKOFF = { baseMs: 100, maxMs: 5000 } as const;
/** 1 MiB: what was fetched beyond a range is thrown away. */
const PREFETCH_BYTES = 1_048_576;
/** 8 MiB and 5 s: a range that is longer is judged up to what was read by then, or not at all. */
const MAX_RANGE_BYTES = 8_388_608;
const READ_DEADLINE_MS = 5000;
const CONNECT_TIMEOUT_MS = 5000;
const POLL_RECORDS = 500;
/** A thread that nobody needs costs memory. */
const THREAD_IDLE_MS = 60_000;

export interface AuditEnds {
  readonly catalog: TopicCatalog;
  /** Where counts are written; not blocked by anything. */
  readonly results: Redis;
}

export class AuditPart {
  readonly #context: ProcessContext<StreamConfig>;
  readonly #schemas: SchemaCache;
  readonly #requests: Redis;
  readonly #keys: AuditKeys;
  readonly #stopping = new AbortController();
  readonly #counters: ReturnType<typeof createCounters>;
  readonly #thread: Piscina<AuditTask, AuditCounts>;
  #connecting: Promise<KafkaConsumer> | null = null;
  #running: Promise<void> = Promise.resolve();

  static async connect(context: ProcessContext<StreamConfig>, schemas: SchemaCache): Promise<AuditPart> {
    const { config, log, health, signal } = context;
    const { connectTimeoutMs } = config;
    const options = { log, health, signal, connectTimeoutMs, name: 'audit-samples', commandTimeoutMs: 0 };
    return new AuditPart(context, schemas, await connectRedis(config.redisUrl, options));
  }

  private constructor(context: ProcessContext<StreamConfig>, schemas: SchemaCache, requests: Redis) {
    this.#context = context;
    this.#schemas = schemas;
    this.#requests = requests;
    this.#keys = auditKeys(context.config.redisPrefix);
    this.#counters = createCounters(context.metrics);
    this.#thread = new Piscina({
      filename: new URL('./audit-thread.ts', import.meta.url).href,
      minThreads: 0,
      maxThreads: 1,
      concurrentTasksPerWorker: 1,
      maxQueue: 1,
      atomics: 'disabled',
      idleTimeout: THREAD_IDLE_MS,
      recordTiming: false,
    });
  }

  start(ends: AuditEnds): void {
    this.#running = this.#serve(ends);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#requests.disconnect();
    await this.#running;
    await this.#thread.destroy();
    await (await this.#connecting?.catch(() => undefined))?.disconnect();
  }

  async #serve({ catalog, results }: AuditEnds): Promise<void> {
    const { signal } = this.#stopping;
    for (let failures = 0; !signal.aborted; ) {
      try {
        const popped = await this.#requests.brpop(this.#keys.samples, POP_TIMEOUT_SECONDS);
        failures = 0;
        if (!popped) continue;
        const startedMs = performance.now();
        await this.#add(results, await this.#judge(catalog, popped[1]));
        await delay(performance.now() - startedMs, undefined, { signal });
      } catch (error) {
        if (signal.aborted) return;
        this.#context.log.debug({ reason: reasonOf(error) }, 'the audit waits for Redis'); // redis.ts reports it
        await delay(backoffMs(failures++, ERROR_BACKOFF));
      }
    }
  }

  async #judge(catalog: TopicCatalog, text: string): Promise<AuditCounts> {
    const { log } = this.#context;
    let sample: AuditSample;
    try {
      sample = readMessage(AuditSample, text);
    } catch (err) {
      log.error({ err }, 'a sample of the audit cannot be read');
      return { ...NO_AUDIT, unjudged: 1 };
    }
    try {
      const records = await this.#read(catalog, sample);
      if (records === null) return { ...NO_AUDIT, unjudged: 1 };
      const counts = await this.#thread.run({ sample, records, schemas: await this.#schemasOf(records) });
      if (counts.missing > 0 || counts.unexpected > 0) {
        const { topicId, partition, channel, edgeId, from, to } = sample;
        log.error({ topicId, partition, channel, edgeId, from, to, ...counts }, 'the audit found a wrong delivery');
      }
      return counts;
    } catch (err) {
      if (!this.#stopping.signal.aborted) log.warn({ err, topicId: sample.topicId }, 'a range could not be audited');
      return { ...NO_AUDIT, unjudged: 1 };
    }
  }

  /** @returns null when the range cannot be had in full */
  async #read(catalog: TopicCatalog, { topicId, partition, from, to }: AuditSample): Promise<AuditRecord[] | null> {
    const topic = await catalog.topic(topicId);
    if (!topic) return null;
    const consumer = await this.#connected();
    const { lowOffset } = await consumer.queryWatermarkOffsets(topic.kafkaTopic, partition);
    const [firstOffset, lastOffset] = [Math.max(0, from[0]), to[0]];
    if (lowOffset > firstOffset) return null;
    const records: AuditRecord[] = [];
    let bytes = 0;
    let isRead = lastOffset < firstOffset;
    const onEnd = ({ offset }: { readonly offset: number }): void => {
      isRead ||= offset > lastOffset; // the last offsets may belong to no record
    };
    consumer.handle.on('partition.eof', onEnd);
    const deadlineMs = performance.now() + READ_DEADLINE_MS;
    try {
      consumer.assign([{ topic: topic.kafkaTopic, partition, offset: firstOffset }]);
      while (!isRead) {
        if (performance.now() > deadlineMs || bytes > MAX_RANGE_BYTES) return null;
        for (const { offset, value } of await consumer.consume(POLL_RECORDS)) {
          if (offset >= lastOffset) isRead = true;
          if (offset > lastOffset) continue;
          bytes += value?.length ?? 0;
          records.push({ offset, value });
        }
      }
      return records;
    } finally {
      consumer.handle.off('partition.eof', onEnd);
      consumer.unassign();
    }
  }

  async #schemasOf(records: readonly AuditRecord[]): Promise<AuditTask['schemas']> {
    const ids = new Set(records.map(({ value }) => (value === null ? null : readSchemaId(value))));
    const schemas = await Promise.all(
      [...ids].map(async (schemaId) => {
        const text = schemaId === null ? null : await this.#schemas.resolve(schemaId);
        return schemaId === null || text === null ? [] : [{ schemaId, text }];
      }),
    );
    return schemas.flat();
  }

  async #add(results: Redis, counts: AuditCounts): Promise<void> {
    const key = this.#keys.minute(Math.floor(Date.now() / 60_000));
    const pipeline = results.pipeline();
    for (const count of AUDIT_COUNTS) {
      if (counts[count] === 0) continue;
      this.#counters[count].inc(counts[count]);
      pipeline.hincrby(key, count, counts[count]);
    }
    pipeline.expire(key, AUDIT_MINUTE_TTL_SECONDS);
    await pipeline.exec();
  }

  #connected(): Promise<KafkaConsumer> {
    const { config, log } = this.#context;
    this.#connecting ??= createConsumer({
      brokers: config.kafkaBrokers,
      log,
      name: `audit-${config.processId}`,
      groupId: config.consumerGroup,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      prefetchBytes: PREFETCH_BYTES,
      idleWaitMs: 20,
      offsetReset: 'earliest',
    }).catch((error: unknown) => {
      this.#connecting = null; // tried again with the next sample
      throw error;
    });
    return this.#connecting;
  }
}

const createCounters = (metrics: Metrics) => ({
  ranges: metrics.counter('audit_ranges_total', 'Ranges that the delivery audit has judged'),
  exact: metrics.counter('audit_exact_ranges_total', 'Of them: every event as it should be'),
  events: metrics.counter('audit_events_total', 'Events in these ranges'),
  expected: metrics.counter('audit_expected_events_total', 'Events of them that match by the plain model'),
  delivered: metrics.counter('audit_delivered_events_total', 'Of those: given out'),
  missing: metrics.counter('audit_missing_events_total', 'Of those: not given out'),
  unexpected: metrics.counter('audit_unexpected_events_total', 'Given out without matching, twice or out of order'),
  unjudged: metrics.counter('audit_unjudged_ranges_total', 'Ranges that Kafka did not have any more, or not in time'),
});
