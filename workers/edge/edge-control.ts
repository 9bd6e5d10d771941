// What an operator sees and wants of this edge's clients, by way of Redis: reads the wish to evacuate, writes the list of
// slow clients. Redis being away changes nothing: what was wanted last goes on.

import type { Logger } from '../../platform/log.ts';
import type { Redis } from '../../platform/redis.ts';
import { type RedisKeys, readMessage } from '../../schemas/coordination.ts';
import {
  type EdgeControlKeys,
  EvacuationWish,
  MAX_SLOW_CLIENTS,
  SLOW_CLIENTS_INTERVAL_MS,
  SLOW_CLIENTS_TTL_MS,
  type SlowClients as SlowClientList,
} from '../../schemas/edge-control.ts';
import { reasonOf } from '../../schemas/errors.ts';
import type { Evacuation } from './evacuation/evacuation.ts';
import { otherEdges } from './heartbeat.ts';
import type { OverflowTelemetry } from './overflow/overflow-telemetry.ts';
import type { SlowClients } from './slow-clients.ts';

export interface EdgeControlOptions {
  readonly edgeId: string;
  readonly redis: Redis;
  readonly keys: RedisKeys;
  readonly controlKeys: EdgeControlKeys;
  readonly evacuation: Evacuation;
  readonly slowClients: SlowClients;
  readonly overflowTelemetry: OverflowTelemetry;
  readonly log: Logger;
  readonly now: () => number;
}

export class EdgeControl {
  readonly #options: EdgeControlOptions;
  #wroteSlowClientsMs = 0;

  constructor(options: EdgeControlOptions) {
    this.#options = options;
  }

  /** Several times a second. */
  tick(): void {
    this.#options.slowClients.sample(this.#options.now());
    this.#options.evacuation.tick();
  }

  /** With each heartbeat. @throws what ioredis throws when Redis is away */
  async beat(): Promise<void> {
    const { edgeId, redis, keys, controlKeys, evacuation, overflowTelemetry, log } = this.#options;
    overflowTelemetry.setLevels();
    const text = await redis.get(controlKeys.evacuation(edgeId));
    if (text !== null) this.#onWish(text);
    if (evacuation.isActive) evacuation.onEdges(await otherEdges(redis, keys, edgeId, log));
    await this.#writeSlowClients();
  }

  #onWish(text: string): void {
    const { evacuation, log } = this.#options;
    try {
      evacuation.onWish(readMessage(EvacuationWish, text));
    } catch (error) {
      log.warn({ reason: reasonOf(error) }, 'the wish to evacuate cannot be read');
    }
  }

  async #writeSlowClients(): Promise<void> {
    const { edgeId, redis, controlKeys, slowClients, now } = this.#options;
    const atMs = now();
    if (atMs - this.#wroteSlowClientsMs < SLOW_CLIENTS_INTERVAL_MS) return;
    this.#wroteSlowClientsMs = atMs;
    const list: SlowClientList = { edgeId, atMs, items: slowClients.top(MAX_SLOW_CLIENTS) };
    await redis.set(controlKeys.slowClients(edgeId), JSON.stringify(list), 'PX', SLOW_CLIENTS_TTL_MS);
  }
}
