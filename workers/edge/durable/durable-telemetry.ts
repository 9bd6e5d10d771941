// Metrics of durable subscriptions (mds_edge_durable_…): how much is in flight, and what becomes of it. No names of
// subscriptions or consumers: those would be labels without a bound.

import type { Metrics } from '../../../platform/metrics.ts';

export interface DurableLevels {
  readonly consumers: number;
  readonly shardsLed: number;
  readonly inFlight: number;
  readonly deadLettersWanted: number;
}

export class DurableTelemetry {
  readonly #events;
  readonly #leaseLosses;
  readonly #levels;
  /** Since the counter was last told: events are counted here one by one. */
  readonly #counted = new Map<string, number>();

  constructor(metrics: Metrics) {
    const help = 'Events of durable subscriptions, by what happened to them';
    this.#events = metrics.counter('durable_events_total', help, ['what']);
    this.#leaseLosses = metrics.counter(
      'durable_lease_losses_total',
      'Shards whose lease was not renewed in time, or that another edge had taken',
    );
    this.#levels = metrics.gauge('durable_level', 'How many there are now', ['of']);
  }

  onEvents(what: string, count: number): void {
    this.#counted.set(what, (this.#counted.get(what) ?? 0) + count);
  }

  onLeaseLost(): void {
    this.#leaseLosses.inc();
  }

  /** Called now and then. */
  setLevels({ consumers, shardsLed, inFlight, deadLettersWanted }: DurableLevels): void {
    this.#levels.set({ of: 'consumers' }, consumers);
    this.#levels.set({ of: 'shards_led' }, shardsLed);
    this.#levels.set({ of: 'in_flight' }, inFlight);
    this.#levels.set({ of: 'dead_letters_wanted' }, deadLettersWanted);
    for (const [what, count] of this.#counted) this.#events.inc({ what }, count);
    this.#counted.clear();
  }
}
