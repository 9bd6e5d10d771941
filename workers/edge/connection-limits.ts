// The limits of connections, which can be changed while the edge runs: what holds for new connections and new messages.

import type { LiveSettings } from '../../platform/management/live-settings.ts';
import type { EdgeConfig } from './config.ts';
import type { ConnectionLimits } from './connection.ts';

export interface EdgeConnectionLimits extends ConnectionLimits {
  /** Of the edge. */
  readonly maxConnections: number;
}

type Changing = { -readonly [Limit in keyof EdgeConnectionLimits]: EdgeConnectionLimits[Limit] };

/** @returns one object for all connections; its values change when settings do */
export function liveConnectionLimits(config: EdgeConfig, settings: LiveSettings): EdgeConnectionLimits {
  const limits: Changing = {
    maxConnections: config.edgeMaxConnections,
    maxSubscriptions: config.edgeMaxSubscriptions,
    maxMessageBytes: config.edgeMaxMessageBytes,
    messagesPerSecond: config.edgeMessagesPerSecond,
    messageBurst: config.edgeMessageBurst,
    acknowledgementsPerSecond: config.edgeAcknowledgementsPerSecond,
    compresses: config.edgeCompression,
    maxBufferedBytes: config.edgeMaxBufferedBytes,
    reconnectSpreadMs: config.edgeReconnectSpreadMs,
  };
  settings.onChange<number>('edgeMaxConnections', (value) => {
    limits.maxConnections = value;
  });
  settings.onChange<number>('edgeMaxSubscriptions', (value) => {
    limits.maxSubscriptions = value;
  });
  settings.onChange<number>('edgeMessagesPerSecond', (value) => {
    limits.messagesPerSecond = value;
  });
  settings.onChange<number>('edgeMessageBurst', (value) => {
    limits.messageBurst = value;
  });
  settings.onChange<number>('edgeReconnectSpreadMs', (value) => {
    limits.reconnectSpreadMs = value;
  });
  return limits;
}
