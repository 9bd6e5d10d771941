// The quota of events a second of a tenant, over all doors together. A request is taken whole when the tenant is within its
// quota, and what it brings is paid for afterwards by waiting: so batches may be larger than the quota of a second, and in the
// long run it is exact. The algorithm is GCRA (ITU-T I.371) with a burst of one second.

import type { Logger } from '../../platform/log.ts';
import type { Redis } from '../../platform/redis.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';

const BURST_MS = 1000;
/** Tenants whose next time is known here; beyond it all are asked for again. */
const MAX_KNOWN = 10_000;

/** KEYS: the tenant's. ARGV: ms that the events are worth, burst. Returns ms until there is room, negative: how far there is. */
const CHARGE_SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local paid = math.max(now, tonumber(redis.call('GET', KEYS[1]) or '0'))
local wait = paid - now - tonumber(ARGV[2])
if wait > 0 then return { 0, math.ceil(wait) } end
paid = paid + tonumber(ARGV[1])
redis.call('SET', KEYS[1], string.format('%.3f', paid), 'PX', math.ceil(paid - now) + 1000)
return { 1, math.ceil(paid - now - tonumber(ARGV[2])) }
`;

export interface EventQuotaOptions {
  readonly redis: Pick<Redis, 'eval'>;
  readonly redisPrefix: string;
  readonly log: Logger;
  /** Of a tenant; null: as many as it likes. */
  readonly limitOf: (tenant: string) => number | null;
  /** ms, never going back. */
  readonly now: () => number;
}

export class EventQuota {
  readonly #options: EventQuotaOptions;
  /** When a tenant has room again, as far as this process knows. */
  readonly #roomAtMs = new Map<string, number>();

  constructor(options: EventQuotaOptions) {
    this.#options = options;
  }

  /** Before anything is read, without I/O. @throws MdsError `MDS_QUOTA_EXCEEDED` */
  check(tenant: string): void {
    const limit = this.#options.limitOf(tenant);
    const waitMs = (this.#roomAtMs.get(tenant) ?? 0) - this.#options.now();
    if (limit !== null && waitMs > 0) throw exceeded(limit, waitMs);
  }

  /** @throws MdsError `MDS_QUOTA_EXCEEDED`: none of them may be taken now */
  async charge(tenant: string, events: number): Promise<void> {
    const limit = this.#options.limitOf(tenant);
    if (limit === null || events === 0) return;
    const worthMs = (events * 1000) / Math.max(limit, Number.EPSILON);
    const { isAllowed, waitMs } = await this.#ask(tenant, worthMs);
    if (this.#roomAtMs.size >= MAX_KNOWN) this.#roomAtMs.clear();
    this.#roomAtMs.set(tenant, this.#options.now() + waitMs);
    if (!isAllowed) throw exceeded(limit, waitMs);
  }

  /** What the tenant may still do, as draft-ietf-httpapi-ratelimit-headers says it. */
  headers(tenant: string): Readonly<Record<string, string>> {
    const limit = this.#options.limitOf(tenant);
    if (limit === null) return {};
    const waitMs = (this.#roomAtMs.get(tenant) ?? 0) - this.#options.now();
    const left = Math.floor(limit * Math.min(1, Math.max(0, -waitMs / BURST_MS)));
    const known = this.#roomAtMs.has(tenant) ? left : limit;
    return {
      'ratelimit-policy': `"events";q=${limit};w=1`,
      ratelimit: `"events";r=${known};t=${Math.max(1, Math.ceil(waitMs / 1000))}`,
    };
  }

  async #ask(tenant: string, worthMs: number): Promise<{ readonly isAllowed: boolean; readonly waitMs: number }> {
    const { redis, redisPrefix, log, now } = this.#options;
    try {
      const key = `${redisPrefix}:ingest-quota:${tenant}`;
      const answer = await redis.eval(CHARGE_SCRIPT, 1, key, worthMs, BURST_MS);
      const [isAllowed, waitMs] = answer as [number, number]; // what the script returns
      return { isAllowed: isAllowed === 1, waitMs };
    } catch (error) {
      // Redis is away: this process counts alone
      log.debug({ reason: reasonOf(error) }, 'the quota of events is counted by this process alone');
      const paidMs = Math.max(0, (this.#roomAtMs.get(tenant) ?? 0) - now() + BURST_MS);
      const isAllowed = paidMs <= BURST_MS;
      return { isAllowed, waitMs: paidMs - BURST_MS + (isAllowed ? worthMs : 0) };
    }
  }
}

const exceeded = (limit: number, waitMs: number): MdsError =>
  new MdsError('MDS_QUOTA_EXCEEDED', { limit, what: 'events a second', retryAfterMs: Math.ceil(waitMs) });
