// Reads the edge's own lane from Redis, and connects it anew when nothing arrives on it although something should. What was
// missed meanwhile shows as a gap in the ranges, and is repaired.

import type { Logger } from '../../platform/log.ts';
import { type Redis, subscribeAtStart } from '../../platform/redis.ts';
import { EnvelopeReader } from '../../schemas/envelope-reader.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import { isLaneProbe, laneProbe } from '../../schemas/lane-probe.ts';
import { LaneWatch, type StarvedReason } from './lane-watch.ts';

/** Between two forced reconnects; doubles up to the second while they do not help. */
const FIRST_WAIT_MS = 1000;
const MAX_WAIT_MS = 10_000;
/** A connection that is being made gets so long before it is taken for stuck. */
const HANDSHAKE_MS = 3000;

export type ReconnectReason = StarvedReason | 'subscribe_failed';

export interface LaneReaderOptions {
  readonly lane: string;
  readonly log: Logger;
  /** The connection that publishes probes; never that of the lane. */
  readonly commands: Redis;
  readonly onEnvelope: (envelope: EnvelopeReader) => void;
  /** A message that cannot be read: what was in it is missing now. */
  readonly onCorrupt: () => void;
  /** The lane was (re)connected: whatever was sent meanwhile is lost. */
  readonly onSubscribed: () => void;
  readonly onReconnect: (reason: ReconnectReason) => void;
  /** ms, of a clock that is never set. */
  readonly now: () => number;
}

export class LaneReader {
  readonly #options: LaneReaderOptions;
  readonly #watch: LaneWatch;
  #redis: Redis | null = null;
  #isSubscribed = false;
  #isStarved = false;
  #reconnectedMs = Number.NEGATIVE_INFINITY;
  /** Forced ones in a row, that is without a while of health between them. */
  #reconnects = 0;
  #closedMs = Number.NEGATIVE_INFINITY;

  constructor(options: LaneReaderOptions) {
    this.#options = options;
    const { lane, commands, now } = options;
    this.#watch = new LaneWatch({
      publish: async (number) => Number(await commands.spublish(lane, Buffer.from(laneProbe(number)))),
      isPublisherConnected: () => commands.status === 'ready',
      onStarved: (reason) => this.#onStarved(reason),
      now,
    });
  }

  /** True while messages arrive, as far as is known. */
  get isAlive(): boolean {
    return this.#isSubscribed && !this.#isStarved;
  }

  /** @param redis a connection of the lane's own; it is in subscriber mode afterwards */
  async start(redis: Redis): Promise<void> {
    this.#redis = redis;
    redis.on('smessageBuffer', (_lane: Buffer, message: Buffer) => this.onMessage(message));
    redis.on('close', () => {
      this.#isSubscribed = false;
      this.#closedMs = this.#options.now();
    });
    redis.on('ready', () => this.#subscribe());
    await subscribeAtStart(redis, 'ssubscribe', [this.#options.lane]);
    this.#isSubscribed = true;
    this.#watch.onSign();
  }

  onMessage(message: Uint8Array): void {
    const { log, onCorrupt, onEnvelope, now } = this.#options;
    this.#watch.onSign();
    this.#isStarved = false;
    if (this.#reconnects > 0 && now() - this.#reconnectedMs > MAX_WAIT_MS) this.#reconnects = 0;
    if (isLaneProbe(message)) return;
    let envelope: EnvelopeReader;
    try {
      envelope = new EnvelopeReader(message);
    } catch (error) {
      if (!(error instanceof MdsError)) throw error;
      log.error({ err: error, byteLength: message.length }, 'a corrupt envelope was dropped');
      onCorrupt();
      return;
    }
    onEnvelope(envelope);
  }

  /** Called 20 times a second. */
  tick(): void {
    if (this.#redis) this.#watch.tick();
  }

  /** After each connection, also when ioredis has subscribed by itself: again is harmless, and says that it is done. */
  #subscribe(): void {
    const { lane, log, onSubscribed } = this.#options;
    this.#redis
      ?.ssubscribe(lane)
      .then(() => {
        this.#watch.onSign();
        if (this.#isSubscribed) return;
        this.#isSubscribed = true;
        onSubscribed();
      })
      .catch((error: unknown) => {
        log.debug({ reason: reasonOf(error) }, 'the lane could not be subscribed');
        this.#reconnect('subscribe_failed');
      });
  }

  #onStarved(reason: StarvedReason): void {
    this.#isStarved = true;
    if (!this.#reconnect(reason) || reason !== 'commands_stalled') return;
    openAnew(this.#options.commands);
  }

  /** @returns false when it is too soon, or under way by itself */
  #reconnect(reason: ReconnectReason): boolean {
    const { log, onReconnect, now } = this.#options;
    const redis = this.#redis;
    if (!redis || redis.status === 'reconnecting' || redis.status === 'end') return false;
    const nowMs = now();
    if (redis.status !== 'ready' && nowMs - this.#closedMs < HANDSHAKE_MS) return false;
    const waitMs = Math.min(FIRST_WAIT_MS * 2 ** (this.#reconnects - 1), MAX_WAIT_MS);
    if (this.#reconnects > 0 && nowMs - this.#reconnectedMs < waitMs) return false;
    this.#reconnects += 1;
    this.#reconnectedMs = nowMs;
    this.#isSubscribed = false;
    log.warn({ reason }, 'nothing arrives on the lane, connecting it anew');
    onReconnect(reason);
    openAnew(redis);
    return true;
  }
}

/** Ends the socket at once: a half-open one would not notice a polite end for seconds. */
function openAnew(redis: Redis): void {
  const { stream } = redis;
  redis.disconnect(true);
  stream?.destroy();
}
