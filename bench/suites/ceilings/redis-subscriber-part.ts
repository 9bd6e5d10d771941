// Part: subscribes to one sharded channel with ioredis alone, and counts.

import { Redis } from 'ioredis';
import { cpuMsSince, partSetting, runPart, tell } from './part.ts';

export interface RedisSubscriberSetting {
  readonly url: string;
  readonly channel: string;
  /** After so many messages the publisher may send as many again. */
  readonly creditMessages: number;
}

void runPart(async () => {
  const { url, channel, creditMessages } = partSetting<RedisSubscriberSetting>();
  const redis = new Redis(url);
  let [messages, bytes] = [0, 0];
  let cpu = process.cpuUsage();
  redis.on('smessageBuffer', (_channel: Buffer, message: Buffer) => {
    messages++;
    bytes += message.length;
    if (messages % creditMessages === 0) tell({ kind: 'credit', messages, bytes, cpuMs: cpuMsSince(cpu) });
  });
  process.on('message', () => {
    [messages, bytes] = [0, 0];
    cpu = process.cpuUsage();
    tell({ kind: 'reset' });
  });
  await redis.ssubscribe(channel);
  tell({ kind: 'subscribed' });
});
