// Part: connections that are there and do nothing, or have one subscription on which nothing comes.

import { type PartMessage, partSetting, runPart, tell } from '../suites/ceilings/part.ts';
import { ClientConnection } from './client-connection.ts';

export interface IdleSetting {
  readonly port: number;
  /** Absent: they subscribe to nothing. */
  readonly topic?: string;
}

const CONNECTS_AT_ONCE = 50;

void runPart(async () => {
  const { port, topic } = partSetting<IdleSetting>();
  let failures = 0;
  const awaited: { left: number; resolve: () => void } = { left: 0, resolve: () => undefined };
  process.on('message', (message: PartMessage) => {
    void runPart(() => more(Number(message.count)));
  });
  tell({ kind: 'ready' });

  async function more(count: number): Promise<void> {
    const startedMs = performance.now();
    const subscribed = new Promise<void>((resolve) => {
      awaited.resolve = resolve;
    });
    awaited.left = topic === undefined ? 0 : count;
    for (let made = 0; made < count; made += CONNECTS_AT_ONCE) {
      await Promise.all(Array.from({ length: Math.min(CONNECTS_AT_ONCE, count - made) }, open));
    }
    const seconds = (performance.now() - startedMs) / 1000;
    if (topic !== undefined) await subscribed;
    tell({ kind: 'connected', seconds, failures });
  }

  async function open(): Promise<void> {
    const connection = await ClientConnection.open(port, false, {
      onEvents: () => undefined,
      onEventsHead: () => undefined,
      onControl: ({ type }) => {
        if (type === 'subscribed' && --awaited.left === 0) awaited.resolve();
      },
      onLost: () => {
        failures++;
      },
    });
    if (topic !== undefined) connection.send({ type: 'subscribe', id: 's', topic, filter: 'host == "nobody"' });
  }
});
