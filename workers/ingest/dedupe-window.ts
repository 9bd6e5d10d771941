// Remembers in Redis which event ids were accepted within a window, so that an event that is sent again is produced once.
//
//   claim ─▶ produce ─▶ settle            new: nobody has it; produce it and settle
//                                         done: Kafka has it
//                                         busy: another claim is producing it right now
//                                         unsure: an older claim was never settled; look into Kafka from its time on
//
// A claim may be taken over only after its lease, and whoever claims begins to produce well before that, so that what is
// found in Kafka by then is all there ever will be.

import type { Redis } from '../../platform/redis.ts';
import { ingestedKey } from '../../schemas/ingest.ts';

/** 25 s: twice the longest that a record is tried (PRODUCE_TIMEOUT_MS) and what goes before it. */
export const CLAIM_LEASE_MS = 25_000;

export type Claim =
  | { readonly kind: 'new' }
  | { readonly kind: 'done'; readonly partition: number; readonly offset: number }
  | { readonly kind: 'busy' }
  | { readonly kind: 'unsure'; readonly claimedMs: number };

/** For each key: claims it when it is free or its claim has run out. ARGV: claim, lease ms, window ms. */
const CLAIM_SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answers = {}
for i, key in ipairs(KEYS) do
  local value = redis.call('GET', key)
  if not value then
    redis.call('SET', key, 'p|' .. ARGV[1] .. '|' .. now, 'PX', ARGV[3])
    answers[i] = 'new'
  elseif string.sub(value, 1, 2) == 'd|' then
    answers[i] = value
  else
    local claimed = tonumber(string.match(value, '|(%d+)$'))
    if now - claimed < tonumber(ARGV[2]) then
      answers[i] = 'busy'
    else
      redis.call('SET', key, 'p|' .. ARGV[1] .. '|' .. now, 'PX', ARGV[3])
      answers[i] = 'unsure|' .. claimed
    end
  end
end
return answers
`;

export interface AcceptedEvent {
  readonly eventId: string;
  readonly partition: number;
  readonly offset: number;
}

export class DedupeWindow {
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #windowMs: number;

  constructor(redis: Redis, prefix: string, windowMs: number) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#windowMs = windowMs;
  }

  /**
   * @param claim names the caller's attempt
   * @param eventIds each once
   * @throws when Redis cannot be reached; nothing may be produced then
   */
  async claim(topicId: number, eventIds: readonly string[], claim: string): Promise<Claim[]> {
    if (eventIds.length === 0) return [];
    const keys = eventIds.map((eventId) => ingestedKey(this.#prefix, topicId, eventId));
    const lease = String(CLAIM_LEASE_MS);
    const answers = await this.#redis.eval(CLAIM_SCRIPT, keys.length, ...keys, claim, lease, String(this.#windowMs));
    return (answers as string[]).map(claimOf); // what the script above returns
  }

  /** Kafka has them. */
  async settle(topicId: number, events: readonly AcceptedEvent[]): Promise<void> {
    if (events.length === 0) return;
    const pipeline = this.#redis.pipeline();
    for (const { eventId, partition, offset } of events) {
      const key = ingestedKey(this.#prefix, topicId, eventId);
      pipeline.set(key, `d|${partition}|${offset}`, 'PX', this.#windowMs);
    }
    const failed = (await pipeline.exec())?.find(([error]) => error !== null)?.[0];
    if (failed) throw failed;
  }
}

function claimOf(answer: string): Claim {
  const [kind, first, second] = answer.split('|');
  if (kind === 'd') return { kind: 'done', partition: Number(first), offset: Number(second) };
  if (kind === 'unsure') return { kind: 'unsure', claimedMs: Number(first) };
  return { kind: kind === 'busy' ? 'busy' : 'new' };
}
