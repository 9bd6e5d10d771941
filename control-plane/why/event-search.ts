// Looks at events in Kafka through the stream workers: has filters run over ranges as an edge has a replay run, on a lane of
// the control plane's own. So the control plane reads no topic itself and decides nothing twice.

import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '../../platform/log.ts';
import { type Redis, subscribeAtStart } from '../../platform/redis.ts';
import type { RedisKeys, ReplayRequest } from '../../schemas/coordination.ts';
import { type Cursor, compareCursors } from '../../schemas/cursor.ts';
import { EnvelopeReader } from '../../schemas/envelope-reader.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import { channelIdOf, type Plan } from '../../schemas/plan/plan.ts';

export interface SearchRange {
  readonly partition: number;
  /** Exclusive. */
  readonly from: Cursor;
  readonly to: Cursor;
}

export interface FoundEvent {
  readonly partition: number;
  readonly cursor: Cursor;
  /** Place in the plans that were given. */
  readonly plan: number;
  readonly json: string;
}

export interface SearchResult {
  readonly found: readonly FoundEvent[];
  /** Some of the range is no longer in Kafka. */
  readonly hasExpired: boolean;
}

export interface EventSearchOptions {
  /** For requests. */
  readonly commands: Redis;
  /** Used for nothing else: it listens. */
  readonly lane: Redis;
  readonly keys: RedisKeys;
  readonly controlPlaneId: string;
  readonly log: Logger;
  readonly now: () => number;
}

interface Outstanding {
  readonly onEnvelope: (envelope: EnvelopeReader) => void;
}

const DEADLINE_MS = 15_000;
/** An answer that is this late was lost: it is asked for again. */
const ANSWER_TIMEOUT_MS = 3000;
const MAX_ANSWER_BYTES = 1_048_576;
const MAX_FOUND = 1000;
const POLL_MS = 5;
const MAX_REQUEST_ID = 0xffffffff;

export class EventSearch {
  readonly #options: EventSearchOptions;
  readonly #laneName: string;
  readonly #outstanding = new Map<number, Outstanding>();
  #lastRequestId = 0;

  constructor(options: EventSearchOptions) {
    this.#options = options;
    this.#laneName = `control-plane-${options.controlPlaneId}`;
  }

  async start(): Promise<void> {
    const { lane, keys, log } = this.#options;
    lane.on('smessageBuffer', (_lane: Buffer, message: Buffer) => {
      try {
        const envelope = new EnvelopeReader(message);
        this.#outstanding.get(envelope.requestId)?.onEnvelope(envelope);
      } catch (error) {
        if (!(error instanceof MdsError)) throw error;
        log.warn({ reason: error.message }, 'a corrupt envelope was dropped'); // its range is asked for again
      }
    });
    await subscribeAtStart(lane, 'ssubscribe', [keys.lane(this.#laneName)]);
  }

  /**
   * @param plans of format `json`
   * @param enough ends the search early
   * @throws MdsError `MDS_TIMEOUT` when no worker answers in time, or the range is too long
   */
  async search(
    topicId: number,
    plans: readonly Plan[],
    ranges: readonly SearchRange[],
    enough: (found: readonly FoundEvent[]) => boolean = () => false,
  ): Promise<SearchResult> {
    const channels = plans.map((plan) => ({ channel: channelIdOf(topicId, plan), plan }));
    const left = new Map(ranges.map((range) => [range.partition, range]));
    const found: FoundEvent[] = [];
    let hasExpired = false;
    const deadlineMs = this.#options.now() + DEADLINE_MS;
    while (left.size > 0 && !enough(found) && found.length < MAX_FOUND) {
      if (this.#options.now() > deadlineMs) {
        throw new MdsError('MDS_TIMEOUT', { operation: 'Looking at events in Kafka', timeoutMs: DEADLINE_MS });
      }
      await this.#ask(topicId, channels, [...left.values()], deadlineMs, (envelope) => {
        const range = left.get(envelope.partition);
        if (!range || compareCursors(envelope.from, range.from) > 0) return; // one before it was lost
        hasExpired ||= envelope.expired;
        for (const [plan, { channel }] of channels.entries()) takeEvents(envelope, channel, plan, range, found);
        if (compareCursors(envelope.to, range.to) >= 0) left.delete(envelope.partition);
        else left.set(envelope.partition, { ...range, from: envelope.to });
      });
    }
    return { found, hasExpired };
  }

  /** One request; resolves when its answer is complete, or does not come. */
  async #ask(
    topicId: number,
    channels: readonly { readonly channel: string; readonly plan: Plan }[],
    ranges: readonly SearchRange[],
    deadlineMs: number,
    take: (envelope: EnvelopeReader) => void,
  ): Promise<void> {
    const { commands, keys, now } = this.#options;
    this.#lastRequestId = (this.#lastRequestId % MAX_REQUEST_ID) + 1;
    const requestId = this.#lastRequestId;
    const open = new Set(ranges.map(({ partition }) => partition));
    let heardMs = now();
    this.#outstanding.set(requestId, {
      onEnvelope: (envelope) => {
        heardMs = now();
        take(envelope);
        if (envelope.last) open.delete(envelope.partition);
      },
    });
    const request: ReplayRequest = {
      edgeId: this.#laneName,
      requestId,
      topicId,
      channels: [...new Map(channels.map((channel) => [channel.channel, channel])).values()],
      ranges: ranges.map(({ partition, from, to }) => ({
        partition,
        from: [from.offset, from.index],
        to: [to.offset, to.index],
      })),
      maxBytes: MAX_ANSWER_BYTES,
      deadlineMs,
    };
    try {
      await commands.lpush(keys.replay, JSON.stringify(request));
      while (open.size > 0 && now() - heardMs < ANSWER_TIMEOUT_MS && now() < deadlineMs) await delay(POLL_MS);
    } catch (cause) {
      throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'Redis', reason: reasonOf(cause) }, { cause });
    } finally {
      this.#outstanding.delete(requestId);
    }
  }
}

function takeEvents(
  envelope: EnvelopeReader,
  channel: string,
  plan: number,
  { from, to }: SearchRange,
  found: FoundEvent[],
): void {
  const at = envelope.sectionOf(channel);
  if (at < 0) return;
  for (let i = 0; i < envelope.refCount(at); i++) {
    const place = envelope.ref(at, i);
    const cursor = { offset: envelope.eventOffset(place), index: envelope.eventIndex(place) };
    if (compareCursors(cursor, from) <= 0 || compareCursors(cursor, to) > 0) continue;
    const start = envelope.eventStart(place);
    const json = envelope.bytes.toString('utf8', start, start + envelope.eventLength(place));
    found.push({ partition: envelope.partition, cursor, plan, json });
  }
}
