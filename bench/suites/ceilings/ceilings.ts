// All ceilings together: what was measured of the libraries that the tiers stand on.

import type { KafkaCeiling } from './kafka.ts';
import type { RedisCeiling } from './redis.ts';
import type { WebSocketCeiling } from './websocket.ts';

export interface CeilingsData {
  readonly kafka: KafkaCeiling | null;
  readonly redis: readonly RedisCeiling[];
  readonly webSocket: readonly WebSocketCeiling[];
}
