// Reads the edge's own lane from Redis. A lane that is silent although something is expected is asked whether it still
// stands; one that does not answer is connected anew. What was missed meanwhile shows as a gap in the ranges.

import type { Logger } from '../../platform/log.ts';
import type { Redis } from '../../platform/redis.ts';
import { LANE_SILENCE_MS } from '../../schemas/coordination.ts';
import { EnvelopeReader } from '../../schemas/envelope-reader.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';

export interface LaneReaderOptions {
  readonly lane: string;
  readonly log: Logger;
  readonly onEnvelope: (envelope: EnvelopeReader) => void;
  /** A message that cannot be read: what was in it is missing now. */
  readonly onCorrupt: () => void;
  /** The lane was (re)connected: whatever was sent meanwhile is lost. */
  readonly onSubscribed: () => void;
  readonly now: () => number;
}

export class LaneReader {
  readonly #options: LaneReaderOptions;
  #redis: Redis | null = null;
  #checkedMs = 0;
  #isSubscribed = false;

  constructor(options: LaneReaderOptions) {
    this.#options = options;
  }

  get isSubscribed(): boolean {
    return this.#isSubscribed;
  }

  /** @param redis a connection of the lane's own; it is in subscriber mode afterwards */
  async start(redis: Redis): Promise<void> {
    this.#redis = redis;
    redis.on('smessageBuffer', (_lane: Buffer, message: Buffer) => this.onMessage(message));
    redis.on('close', () => {
      this.#isSubscribed = false;
    });
    redis.on('ready', () => this.#subscribeOrReconnect());
    await redis.ssubscribe(this.#options.lane);
    this.#isSubscribed = true;
  }

  onMessage(message: Uint8Array): void {
    const { log, onCorrupt, onEnvelope } = this.#options;
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

  /** Called while topics are silent: asks Redis whether the subscription stands. At most once per silence period. */
  checkSilence(): void {
    const nowMs = this.#options.now();
    if (nowMs - this.#checkedMs < LANE_SILENCE_MS || !this.#isSubscribed) return;
    this.#checkedMs = nowMs;
    this.#subscribeOrReconnect();
  }

  /** Subscribing again is harmless; that Redis answers shows that the connection works. */
  #subscribeOrReconnect(): void {
    const { lane, log, onSubscribed } = this.#options;
    const wasSubscribed = this.#isSubscribed;
    this.#redis
      ?.ssubscribe(lane)
      .then(() => {
        this.#isSubscribed = true;
        if (!wasSubscribed) onSubscribed();
      })
      .catch((error: unknown) => {
        log.warn({ reason: reasonOf(error) }, 'the lane does not answer, connecting it anew');
        this.#isSubscribed = false;
        this.#redis?.disconnect(true);
      });
  }
}
