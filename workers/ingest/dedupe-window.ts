// Remembers in Redis which event ids were accepted within a window, so that an event that is sent again is produced once.
//
//   claim ─▶ produce ─▶ settle            new: nobody has it; produce it and settle
//                                         done: Kafka has it
//                                         busy: another claim is producing it right now
//                                         unsure: older claims were never settled; look into Kafka for them
//
// A request is one claim, and settling it is one command however many events it has: an id points at its claim. A claim may
// be taken over only after its lease, and whoever claims begins to produce well before that, so that what is found in Kafka
// by then is all there ever will be. Who takes over keeps the claims before its own: it may die as well, before it has said
// what it found.

import type { Redis } from '../../platform/redis.ts';
import { ingestedKeys } from '../../schemas/ingest.ts';
import { CLAIM_SCRIPT, REOPEN_SCRIPT } from './dedupe-scripts.ts';
import { packedEvents } from './packed-events.ts';
import { type Cursor, cursorIn, type PlacedRecord, settledText } from './record-place.ts';

/** 25 s: twice the longest that a record is tried (PRODUCE_TIMEOUT_MS) and what goes before it. */
const CLAIM_LEASE_MS = 25_000;
/** Ids of one call of the script: 2,000 take Redis 2 ms, and whoever else waits for it no longer than that. */
const IDS_A_CALL = 2000;

/** An event as a claim of some request knows it: the name of the claim, and the event's place in it. */
export interface ClaimedPlace {
  readonly claim: string;
  readonly place: number;
}

export type Claim =
  | { readonly kind: 'new' }
  | { readonly kind: 'done'; readonly cursor: Cursor | null }
  | { readonly kind: 'busy' }
  | { readonly kind: 'unsure'; readonly older: readonly ClaimedPlace[]; readonly sinceMs: number };

export interface TakenEvent {
  /** Not null: topics without ids have nothing to be claimed. */
  readonly eventId: string | null;
  /** Its place in the claim. */
  readonly index: number;
}

export class DedupeWindow {
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #windowMs: number;
  readonly #leaseMs: number;

  /** @param leaseMs other than in tests only what CLAIM_LEASE_MS says is safe */
  constructor(redis: Redis, prefix: string, windowMs: number, leaseMs: number = CLAIM_LEASE_MS) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#windowMs = windowMs;
    this.#leaseMs = leaseMs;
  }

  /**
   * @param claim names the caller's attempt
   * @param events each id once
   * @returns what is not `new`, by the event's place
   * @throws when Redis cannot be reached; nothing may be produced then
   */
  async claim(topicId: number, events: readonly TakenEvent[], claim: string): Promise<Map<number, Claim>> {
    const keys = ingestedKeys(this.#prefix, topicId);
    const calls: Promise<unknown>[] = [];
    for (let from = 0; from < events.length; from += IDS_A_CALL) {
      const packed = packedEvents(events, from, Math.min(from + IDS_A_CALL, events.length));
      const args = [keys.claims, claim, this.#leaseMs, this.#windowMs, packed];
      calls.push(this.#redis.eval(CLAIM_SCRIPT, 1, keys.slices, ...args));
    }
    const claims = new Map<number, Claim>();
    const done: (ClaimedPlace & { readonly at: number })[] = [];
    for (const answer of (await Promise.all(calls)) as string[][]) {
      // what the script returns: place, kind and claims, three by three
      for (let i = 0; i < answer.length; i += 3) {
        const [at, kind, text] = [Number(answer[i]), answer[i + 1], answer[i + 2] ?? ''];
        if (kind === 'busy') claims.set(at, { kind });
        else if (kind === 'unsure') claims.set(at, unsureOf(text));
        else done.push({ at, ...newestOf(text) });
      }
    }
    for (const [at, cursor] of await this.#cursors(topicId, done)) claims.set(at, { kind: 'done', cursor });
    return claims;
  }

  /** Kafka has all events of the claim. */
  async settle(topicId: number, claim: string, records: readonly PlacedRecord[]): Promise<void> {
    const key = ingestedKeys(this.#prefix, topicId).claim(claim);
    // twice the window: an id that points here lives as long as that
    await this.#redis.set(key, settledText(records), 'PX', 2 * this.#windowMs);
  }

  /**
   * To be called before `settle`, with what it does not cover: these events stay claimed, under a name that is never settled,
   * so that the next attempt looks for them.
   */
  async leaveOpen(topicId: number, claim: string, events: readonly TakenEvent[]): Promise<void> {
    const { slices } = ingestedKeys(this.#prefix, topicId);
    for (let from = 0; from < events.length; from += IDS_A_CALL) {
      const ids = events.slice(from, from + IDS_A_CALL).map(({ eventId }) => eventId ?? '');
      await this.#redis.eval(REOPEN_SCRIPT, 1, slices, claim, this.#windowMs, ...ids);
    }
  }

  async #cursors(
    topicId: number,
    done: readonly (ClaimedPlace & { readonly at: number })[],
  ): Promise<[number, Cursor | null][]> {
    if (done.length === 0) return [];
    const keys = ingestedKeys(this.#prefix, topicId);
    const names = [...new Set(done.map(({ claim }) => claim))];
    const texts = await this.#redis.mget(names.map((name) => keys.claim(name)));
    const settled = new Map(names.map((name, i) => [name, texts[i] ?? '']));
    return done.map(({ at, claim, place }) => [at, cursorIn(settled.get(claim) ?? '', place)]);
  }
}

/** "claim,place,at ms;older claim,…": newest first */
const placesOf = (text: string) =>
  text.split(';').map((part) => {
    const [claim = '', place, atMs] = part.split(',');
    return { claim: claim.replace(/~$/, ''), place: Number(place), atMs: Number(atMs) };
  });

/** A claim that is settled is the newest one of its id. */
function newestOf(text: string): ClaimedPlace {
  const [newest] = placesOf(text);
  if (!newest) throw new Error('a claim has no name'); // the script writes it with every id
  return newest;
}

function unsureOf(text: string): Claim {
  const older = placesOf(text);
  return { kind: 'unsure', older, sinceMs: Math.min(...older.map(({ atMs }) => atMs)) };
}
