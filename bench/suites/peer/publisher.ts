// Publishes into a peer at a steady rate, open loop: every event carries the time it was to be sent, however late it is.
// Through Centrifugo's HTTP API, many commands in a request; or as records for its own Kafka consumer.

import { Agent, request } from 'node:http';
import kafka from 'node-rdkafka';
import { batchRequest, kafkaCommand, type Publication } from './centrifugo-protocol.ts';

/** Where publications go. */
export interface PublicationSink {
  /** Rejects when the peer refuses. */
  publish(publications: readonly Publication[]): Promise<void>;
  end(): Promise<void>;
}

/** Requests that are on their way at once; more would only queue in the peer. */
const REQUESTS_AT_ONCE = 16;

/** @param apiUrl such as http://127.0.0.1:8000/api */
export function httpSink(apiUrl: string, apiKey: string): PublicationSink {
  const agent = new Agent({ keepAlive: true, maxSockets: REQUESTS_AT_ONCE });
  const url = new URL(`${apiUrl.replace(/\/$/, '')}/batch`);
  return {
    publish: (publications) => post(url, agent, apiKey, batchRequest(publications)),
    end: async () => agent.destroy(),
  };
}

function post(url: URL, agent: Agent, apiKey: string, body: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...(apiKey === '' ? {} : { 'x-api-key': apiKey }),
  };
  const sent = request(url, { method: 'POST', agent, headers }, (response) => {
    let text = '';
    response.setEncoding('utf8');
    response.on('data', (part: string) => {
      text += part;
    });
    response.on('end', () => {
      if (response.statusCode !== 200)
        reject(new Error(`the peer's API answered ${response.statusCode}: ${text.slice(0, 200)}`));
      else if (text.includes('"error"')) reject(new Error(`the peer's API answered ${text.slice(0, 200)}`));
      else resolve();
    });
  });
  sent.on('error', reject);
  sent.end(body);
  return promise;
}

const FLUSH_TIMEOUT_MS = 10_000;

/** @param topic one that the peer's own consumer reads */
export async function kafkaSink(brokers: string, topic: string): Promise<PublicationSink> {
  const producer = new kafka.Producer({
    'metadata.broker.list': brokers,
    'linger.ms': 2,
    'queue.buffering.max.messages': 500_000,
  });
  await new Promise<void>((resolve, reject) => {
    producer.connect({}, (error) => (error ? reject(error) : resolve()));
  });
  producer.setPollInterval(10);
  return {
    async publish(publications) {
      for (const publication of publications) producer.produce(topic, null, Buffer.from(kafkaCommand(publication)));
    },
    async end() {
      await new Promise<void>((resolve, reject) => {
        producer.flush(FLUSH_TIMEOUT_MS, (error) => (error ? reject(error) : resolve()));
      });
      await new Promise<void>((resolve) => producer.disconnect(() => resolve()));
    },
  };
}

/** One turn's share of the events; more due than this are sent in several publications. */
const MOST_AT_ONCE = 500;
const TURN_MS = 1;

export interface Published {
  readonly events: number;
  /** How long it really took. */
  readonly seconds: number;
}

/**
 * @param first sequence number of the first event
 * @param make the event of a sequence number, to be sent at this time (µs since 1970)
 */
export async function publishAtRate(
  sink: PublicationSink,
  rate: number,
  seconds: number,
  first: number,
  make: (sequence: number, sentUs: number) => Publication,
): Promise<Published> {
  const startedMs = performance.now();
  const startedUs = (performance.timeOrigin + startedMs) * 1000;
  const total = Math.floor(rate * seconds);
  const underWay = new Set<Promise<void>>();
  let failure: unknown;
  for (let sent = 0; sent < total && failure === undefined; ) {
    const due = Math.min(total, Math.floor(((performance.now() - startedMs) / 1000) * rate) + 1) - sent;
    if (due > 0 && underWay.size < REQUESTS_AT_ONCE) {
      const count = Math.min(due, MOST_AT_ONCE);
      const from = sent;
      const publications = Array.from({ length: count }, (_, i) =>
        make(first + from + i, Math.round(startedUs + ((from + i) / rate) * 1e6)),
      );
      const call = sink
        .publish(publications)
        .catch((error: unknown) => {
          failure ??= error;
        })
        .finally(() => underWay.delete(call));
      underWay.add(call);
      sent += count;
    } else await new Promise((resolve) => setTimeout(resolve, TURN_MS));
  }
  await Promise.all(underWay);
  if (failure !== undefined) throw failure;
  return { events: total, seconds: (performance.now() - startedMs) / 1000 };
}
