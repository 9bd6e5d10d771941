// What the process of clients of one door is told and answers.

import type { Latency } from '../result.ts';

export type Door = 'websocket' | 'sse';

export interface DoorClientsSetting {
  readonly door: Door;
  readonly port: number;
  readonly topic: string;
  readonly clients: number;
  readonly fields: readonly string[];
}

export interface DoorClientsAnswer {
  /** Events of all clients. */
  readonly received: number;
  /** Of the client that got least, and of the one that got most. */
  readonly least: number;
  readonly most: number;
  readonly failures: number;
  readonly latency: Latency;
}
