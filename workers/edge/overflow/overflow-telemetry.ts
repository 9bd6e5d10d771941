// The metrics of overflow policies and slow clients, recorded per batch.

import type { Metrics } from '../../../platform/metrics.ts';
import type { SlowClients } from '../slow-clients.ts';
import type { ShedCounts, WaitingMemory } from './waiting-events.ts';

export class OverflowTelemetry {
  readonly #shed;
  readonly #waitingBytes;
  readonly #behind;
  readonly #slowClients: SlowClients;
  readonly #memory: WaitingMemory;

  constructor(metrics: Metrics, slowClients: SlowClients, memory: WaitingMemory) {
    this.#slowClients = slowClients;
    this.#memory = memory;
    this.#shed = metrics.counter('shed_events_total', 'Events left out, as overflow policies say', ['reason']);
    this.#waitingBytes = metrics.gauge('latest_waiting_bytes', 'Events that wait for clients with overflow latest');
    this.#behind = metrics.gauge('clients_behind', 'Clients that have not read everything');
  }

  onShed({ dropped, conflated }: ShedCounts): void {
    if (dropped > 0) this.#shed.inc({ reason: 'dropped' }, dropped);
    if (conflated > 0) this.#shed.inc({ reason: 'conflated' }, conflated);
  }

  setLevels(): void {
    this.#waitingBytes.set(this.#memory.usedBytes);
    this.#behind.set(this.#slowClients.behindCount);
  }
}
