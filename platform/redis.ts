// Connections to Redis. A connection that is lost comes back by itself, for ever; what was in flight, or is asked for
// meanwhile, fails at once with an error, so that nothing queues up without a bound and the caller decides what it means.

import { Redis } from 'ioredis';
import { MdsError, reasonOf } from '../schemas/errors.ts';
import type { Health } from './health.ts';
import type { Logger } from './log.ts';
import { backoffMs, retry } from './retry.ts';

export type { Redis } from 'ioredis';

/** 1 s at most: a restarted Redis has its processes back before their heartbeats (3 s) are missed. */
const RECONNECT = { baseMs: 50, maxMs: 1000 } as const;
/** 2 s: a TCP connect on any sane network is done in a tenth of that. */
const TCP_CONNECT_TIMEOUT_MS = 2000;
/** 5 s: a command that takes longer is a Redis that hangs; better an error than a caller that waits for ever. */
const COMMAND_TIMEOUT_MS = 5000;
const DEFAULT_CONNECT_TIMEOUT_MS = 30_000;
const CLOSED = 'the connection was closed';

export interface RedisOptions {
  readonly log: Logger;
  /** What this connection is for: `lane`, `interest`…; shown in logs, readiness and Redis' own client list. */
  readonly name: string;
  /** Ends the waiting for the first connection; an established connection is not touched by it. */
  readonly signal?: AbortSignal;
  /** Gets `redis <name>` as a reason while the connection is away. */
  readonly health?: Health;
  readonly connectTimeoutMs?: number;
  /** 0 for a connection that blocks (BRPOP). */
  readonly commandTimeoutMs?: number;
  /** Called at the first connection, before `connectRedis` resolves, and at each later one: write your keys again. */
  readonly onReady?: (redis: Redis) => void;
}

/**
 * Connects, and waits until the connection is usable.
 *
 * The returned connection re-subscribes by itself after a reconnect. `onReady` tells
 * those who must write their keys again. End it with `quit()` or `disconnect()`.
 *
 * @throws MdsError `MDS_DEPENDENCY_UNAVAILABLE` when Redis stays away for `connectTimeoutMs`; the signal's reason
 */
export async function connectRedis(url: string, options: RedisOptions): Promise<Redis> {
  const { log, name, signal, connectTimeoutMs = DEFAULT_CONNECT_TIMEOUT_MS } = options;
  const commandTimeoutMs = options.commandTimeoutMs ?? COMMAND_TIMEOUT_MS;
  let connected = false; // until then `retry` below is who reconnects
  const redis = new Redis(url, {
    lazyConnect: true,
    connectionName: `mds-${name}`,
    connectTimeout: TCP_CONNECT_TIMEOUT_MS,
    ...(commandTimeoutMs > 0 ? { commandTimeout: commandTimeoutMs } : {}),
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false, // see keepSubscribed
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => (connected ? backoffMs(times - 1, RECONNECT) : null),
  });
  const lastReason = reportState(redis, options);
  keepSubscribed(redis, log);
  try {
    await retry(() => redis.connect(), {
      ...RECONNECT,
      attempts: 'forever',
      timeoutMs: connectTimeoutMs,
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    redis.disconnect();
    signal?.throwIfAborted();
    const details = { dependency: `Redis (${name})`, reason: lastReason() };
    throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', details, { cause: error });
  }
  connected = true;
  log.debug({ redis: name }, 'redis is connected');
  return redis;
}

type Subscribing = 'subscribe' | 'ssubscribe';

/**
 * Subscribes for the first time. A Redis that goes away in this moment is waited for, as at the first connection: a process
 * that is just starting should not end over it. Later connections subscribe by themselves.
 *
 * @throws the last error when Redis stays away for `timeoutMs`
 */
export async function subscribeAtStart(
  redis: Redis,
  kind: Subscribing,
  channels: readonly string[],
  timeoutMs = DEFAULT_CONNECT_TIMEOUT_MS,
): Promise<void> {
  const isRetryable = (): boolean => redis.status !== 'end'; // ended on purpose
  await retry(() => redis[kind](...channels), { ...RECONNECT, attempts: 'forever', timeoutMs, isRetryable });
}

/**
 * Subscribes again, at each later connection, to whatever was asked for. ioredis would do it too, but when that connection
 * is lost before Redis has answered, it ends the process with a rejection nobody handles, and forgets the subscriptions.
 */
function keepSubscribed(redis: Redis, log: Logger): void {
  const wanted = { subscribe: new Set<string>(), ssubscribe: new Set<string>() };
  const sendCommand = redis.sendCommand.bind(redis);
  redis.sendCommand = (command, stream) => {
    const { name, args } = command;
    if (name === 'subscribe' || name === 'ssubscribe') for (const channel of args) wanted[name].add(String(channel));
    if (name === 'unsubscribe') forget(wanted.subscribe, args.map(String));
    if (name === 'sunsubscribe') forget(wanted.ssubscribe, args.map(String));
    return sendCommand(command, stream);
  };
  const again = (kind: Subscribing, channels: readonly string[]): void => {
    redis[kind](...channels).catch((error: unknown) => {
      log.debug({ reason: reasonOf(error) }, 'subscribing again failed, the connection is made anew');
      if (redis.status === 'ready') redis.disconnect(true);
    });
  };
  redis.on('ready', () => {
    if (wanted.subscribe.size > 0) again('subscribe', [...wanted.subscribe]);
    for (const channel of wanted.ssubscribe) again('ssubscribe', [channel]); // each may be of another slot
  });
}

/** @param channels none: all of them */
function forget(wanted: Set<string>, channels: readonly string[]): void {
  if (channels.length === 0) wanted.clear();
  for (const channel of channels) wanted.delete(channel);
}

/**
 * One log line when the connection is lost or cannot be made, one when it is back, however often it is tried between.
 *
 * @returns what to call for the reason it is away; ioredis itself only says "Connection is closed"
 */
function reportState(redis: Redis, { log, name, health, onReady }: RedisOptions): () => string {
  let isUp: boolean | null = null;
  let lastReason = CLOSED;
  const goDown = (): void => {
    if (isUp === false) return;
    isUp = false;
    health?.setReady(`redis ${name}`, false, lastReason);
    log.warn({ redis: name, reason: lastReason }, 'redis is away, retrying');
  };
  redis.on('error', (error: Error) => {
    lastReason = reasonOf(error);
    goDown();
  });
  redis.on('reconnecting', goDown); // not emitted when the connection is ended on purpose
  redis.on('ready', () => {
    if (isUp === false) log.info({ redis: name }, 'redis is back');
    isUp = true;
    lastReason = CLOSED;
    health?.setReady(`redis ${name}`, true);
    onReady?.(redis);
  });
  return () => lastReason;
}
