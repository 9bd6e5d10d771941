// Part: publishes messages of one size to a sharded channel with ioredis alone, pipelined, never further ahead of the
// subscriber than Redis' output buffer for it allows.

import { Redis } from 'ioredis';
import { cpuMsSince, type PartMessage, partSetting, runPart, tell } from './part.ts';

export interface RedisPublisherSetting {
  readonly url: string;
  readonly channel: string;
}

/** One run: `messages` of `messageBytes`, at most `windowMessages` ahead of the subscriber's credit. */
export interface PublishRun {
  readonly messages: number;
  readonly messageBytes: number;
  readonly windowMessages: number;
}

/** Messages of one pipeline: what a worker publishes after one slab. */
const PIPELINE_MESSAGES = 16;

void runPart(async () => {
  const { url, channel } = partSetting<RedisPublisherSetting>();
  const redis = new Redis(url);
  await redis.ping();
  let credit = 0;
  let wake: () => void = () => undefined;
  process.on('message', (message: PartMessage) => {
    if (message.kind === 'credit') {
      credit = Number(message.messages);
      wake();
    } else void runPart(() => publish(message as unknown as PublishRun)); // sent by redis.ts
  });
  tell({ kind: 'ready' });

  async function publish({ messages, messageBytes, windowMessages }: PublishRun): Promise<void> {
    const payload = Buffer.alloc(messageBytes, 'event bytes ');
    const cpu = process.cpuUsage();
    credit = 0;
    for (let sent = 0; sent < messages; ) {
      const count = Math.min(PIPELINE_MESSAGES, messages - sent);
      while (sent + count - credit > windowMessages) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await promise;
      }
      const pipeline = redis.pipeline();
      for (let i = 0; i < count; i++) pipeline.spublish(channel, payload);
      await pipeline.exec();
      sent += count;
    }
    tell({ kind: 'published', cpuMs: cpuMsSince(cpu) });
  }
});
