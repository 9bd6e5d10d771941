// Reads an event stream with nothing but fetch, as a page can that has a key, and comes back by itself where it was:
//   KEY=$(./mds keys create reader --grant subscribe:host.metrics) .toolchain/bin/node docs/examples/event-stream.ts \
//     'http://127.0.0.1:9411/v1/topics/host.metrics/events?filter=value%20%3E%2050.0'

import { setTimeout as delay } from 'node:timers/promises';

const RETRY_MS = 1000;

/** Yields events for as long as they may be read. @throws Error with what the service says when that is over */
async function* eventsOf(url: string, key: string): AsyncGenerator<{ cursor: number[]; event: unknown }> {
  for (let lastId = ''; ; await delay(RETRY_MS * (1 + Math.random()))) {
    const headers = {
      // Another type too, or what passes by itself would be told as to a browser's EventSource: in a stream.
      accept: 'text/event-stream, application/problem+json',
      ...(key === '' ? {} : { authorization: `Bearer ${key}` }),
      ...(lastId === '' ? {} : { 'last-event-id': lastId }),
    };
    try {
      const response = await fetch(url, { headers });
      if (!response.ok || response.body === null) {
        const { retryable, detail } = await response.json();
        if (retryable) continue;
        console.error(detail);
        return;
      }
      for await (const message of messagesOf(response.body)) {
        if (message.event === 'message') yield JSON.parse(message.data ?? '');
        if (message.event === 'gap') console.error('Kafka no longer holds', message.data);
        lastId = message.id ?? lastId;
      }
    } catch (error) {
      console.error('cut off, coming back:', String(error));
    }
  }
}

/** Fields of each message; bytes come in any pieces. */
async function* messagesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Record<string, string>> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const bytes of body) {
    const blocks = (text + decoder.decode(bytes, { stream: true })).split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      yield Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s, 2)));
    }
  }
}

const [, , url = ''] = process.argv;
for await (const { cursor, event } of eventsOf(url, process.env.KEY ?? '')) {
  console.log(JSON.stringify({ cursor, event }));
}
