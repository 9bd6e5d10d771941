// What consumer, producer and admin have in common: connecting with bounded retry, one log line per state change, errors.

import kafka, { type Client, type LibrdKafkaError } from 'node-rdkafka';
import { MdsError, reasonOf } from '../schemas/errors.ts';
import type { Health } from './health.ts';
import type { Logger } from './log.ts';
import { retry } from './retry.ts';

export interface KafkaConnection {
  /** host:port, or several with commas between. */
  readonly brokers: string;
  /** What this connection is for; shown in logs, readiness and Kafka's own request logs. */
  readonly name: string;
  readonly log: Logger;
  /** Ends the waiting for the first connection; an established connection is not touched by it. */
  readonly signal?: AbortSignal;
  /** Gets `kafka <name>` as a reason while no broker can be reached. */
  readonly health?: Health;
  readonly connectTimeoutMs?: number;
}

const DEFAULT_CONNECT_TIMEOUT_MS = 30_000;
/** 2 s: a broker that is there answers in milliseconds; a shorter wait only makes more noise while it starts. */
const METADATA_TIMEOUT_MS = 2000;
const RECONNECT = { baseMs: 100, maxMs: 1000 } as const;
/** How often a lost cluster is asked whether it is back, for the log line and readiness; librdkafka itself goes on anyway. */
const PROBE_INTERVAL_MS = 1000;

/** Codes of librdkafka that are decided on; negative ones are its own, others the broker's. */
export const KAFKA_CODES = {
  ALL_BROKERS_DOWN: -187,
  TIMED_OUT: -185,
  QUEUE_FULL: -184,
  FATAL: -150,
  UNKNOWN_TOPIC: -188,
  UNKNOWN_PARTITION: -190,
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  TOPIC_ALREADY_EXISTS: 36,
} as const;

/** Settings of every connection. */
export const clientSettings = ({ brokers, name }: KafkaConnection) => ({
  'metadata.broker.list': brokers,
  'client.id': `mds-${name}`,
  'socket.nagle.disable': true,
  'socket.keepalive.enable': true,
  // A restarted broker is noticed within a second, the longest that librdkafka may then wait between its attempts.
  'reconnect.backoff.ms': 50,
  'reconnect.backoff.max.ms': 1000,
  // Statistics are a JSON text of many kilobytes per interval; the processes measure what they need themselves.
  'statistics.interval.ms': 0,
});

/**
 * Makes and connects a client, and again until a broker answers.
 *
 * @param make a new client for each attempt: one that failed to connect cannot be connected again
 * @throws MdsError `MDS_DEPENDENCY_UNAVAILABLE` after `connectTimeoutMs`; the signal's reason
 */
export async function connectClient<Handle extends Client<string>>(
  connection: KafkaConnection,
  make: () => Handle,
): Promise<Handle> {
  const { name, log, signal, health, connectTimeoutMs = DEFAULT_CONNECT_TIMEOUT_MS } = connection;
  const attemptTimeoutMs = Math.min(METADATA_TIMEOUT_MS, connectTimeoutMs);
  try {
    const handle = await retry(() => connectOnce(make(), attemptTimeoutMs), {
      ...RECONNECT,
      attempts: 'forever',
      timeoutMs: connectTimeoutMs,
      ...(signal ? { signal } : {}),
      onRetry: (error, attempt) => {
        health?.setReady(`kafka ${name}`, false, reasonOf(error));
        if (attempt === 0) log.warn({ kafka: name, reason: reasonOf(error) }, 'kafka is away, retrying');
        else log.debug({ kafka: name, attempt }, 'kafka is still away');
      },
    });
    health?.setReady(`kafka ${name}`, true);
    reportState(handle, connection);
    return handle;
  } catch (error) {
    signal?.throwIfAborted();
    throw asKafkaError(error, `Kafka (${name})`);
  }
}

function connectOnce<Handle extends Client<string>>(handle: Handle, timeoutMs: number): Promise<Handle> {
  const { promise, resolve, reject } = Promise.withResolvers<Handle>();
  handle.connect({ timeout: timeoutMs }, (error: LibrdKafkaError | null) => {
    if (error) reject(error);
    else resolve(handle);
  });
  return promise;
}

/**
 * One line when every broker is lost, one when one is back. librdkafka's reports are only a reason to look: they queue up
 * behind records and may arrive when the broker has long been back, so what counts is whether it answers.
 */
function reportState(handle: Client<string>, { name, log, health }: KafkaConnection): void {
  let isUp = true;
  let probe: NodeJS.Timeout | undefined;
  const look = (reason: string): void => {
    handle.getMetadata({ timeout: METADATA_TIMEOUT_MS }, (error: LibrdKafkaError | null) => {
      if (!handle.isConnected()) return;
      if (error) probe = setTimeout(look, PROBE_INTERVAL_MS, reason).unref();
      else probe = undefined;
      if (isUp === !error) return;
      isUp = !error;
      health?.setReady(`kafka ${name}`, isUp, reason);
      if (isUp) log.info({ kafka: name }, 'kafka is back');
      else log.warn({ kafka: name, reason }, 'kafka is away, retrying');
    });
  };
  const suspect = (reason: string): void => {
    if (probe !== undefined) return;
    probe = setTimeout(look, 0, reason).unref();
  };
  handle.on('event.error', (error: LibrdKafkaError) => {
    if (isKind(error, KAFKA_CODES.ALL_BROKERS_DOWN, /all broker connections are down/i)) suspect(error.message);
    else if (isKind(error, KAFKA_CODES.FATAL, /fatal error/i)) failForGood(error);
    else log.debug({ kafka: name, code: error.code, reason: error.message }, 'kafka reported');
  });
  const failForGood = (error: LibrdKafkaError): void => {
    health?.setReady(`kafka ${name}`, false, error.message);
    log.error({ kafka: name, reason: error.message }, 'kafka connection failed for good, restart this process');
  };
  handle.on('disconnected', () => clearTimeout(probe));
}

/** node-rdkafka 3.6 gives every reported error the code -1 and only librdkafka's text of the real one. */
const isKind = (error: LibrdKafkaError, code: number, text: RegExp): boolean =>
  error.code === code || text.test(error.message);

/** One call of node-rdkafka as a promise. */
export function call<Result>(
  what: string,
  begin: (done: (error: LibrdKafkaError | Error | null | undefined, result: Result) => void) => void,
): Promise<Result> {
  const { promise, resolve, reject } = Promise.withResolvers<Result>();
  try {
    begin((error, result) => {
      if (error) reject(asKafkaError(error, what));
      else resolve(result);
    });
  } catch (error) {
    reject(asKafkaError(error, what));
  }
  return promise;
}

/** A synchronous call of node-rdkafka. */
export function callSync<Result>(what: string, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    throw asKafkaError(error, what);
  }
}

/** @param what was tried: `Kafka (consume)` */
export function asKafkaError(error: unknown, what: string): MdsError {
  if (error instanceof MdsError) return error;
  const details = { dependency: what, reason: reasonOf(error), kafkaCode: kafkaCodeOf(error) };
  return new MdsError('MDS_DEPENDENCY_UNAVAILABLE', details, { cause: error });
}

/** librdkafka's code of an error thrown here or below, null when there is none. */
export function kafkaCodeOf(error: unknown): number | null {
  if (error instanceof MdsError) return kafkaCodeOf(error.cause);
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : null;
}

export function disconnectClient(handle: Client<string>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (!handle.isConnected()) return Promise.resolve();
  handle.disconnect(() => resolve());
  return promise;
}

export { kafka };
