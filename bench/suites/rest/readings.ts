// An hour of readings of many series, as batch records into the topic of the suite.

import avro from 'avsc';
import { createProducer } from '../../../platform/kafka.ts';
import { createLogger } from '../../../platform/log.ts';
import type { Topic } from '../../../schemas/api/topic.ts';
import { encodeConfluent } from '../../../schemas/confluent-wire.ts';

export interface ReadingsShape {
  readonly series: number;
  readonly services: number;
  /** Between two readings of a series. */
  readonly everyMs: number;
}

const RECORD_EVENTS = 500;

export class Readings {
  readonly #topic: Topic;
  readonly #shape: ReadingsShape;
  readonly #batch: avro.Type;
  readonly #brokers: string;

  constructor(topic: Topic, shape: ReadingsShape, brokers: string) {
    this.#topic = topic;
    this.#shape = shape;
    this.#brokers = brokers;
    this.#batch = avro.Type.forSchema({
      type: 'record',
      name: 'BenchBatch',
      fields: [{ name: 'events', type: { type: 'array', items: topic.schema as unknown as avro.Schema } }], // the API's promise
    });
  }

  /** One reading of each series for every step in [fromMs, toMs). @returns how many */
  async produce(fromMs: number, toMs: number): Promise<number> {
    const log = createLogger('bench', 'warn');
    const producer = await createProducer({ brokers: this.#brokers, name: 'bench-readings', log });
    let events: object[] = [];
    let records = 0;
    let produced = 0;
    const flush = async (): Promise<void> => {
      const value = encodeConfluent(this.#topic.batchSchemaId, this.#batch.toBuffer({ events }));
      await producer.room();
      producer.produce(this.#topic.kafkaTopic, records++ % this.#topic.partitions, value).catch(() => undefined); // flush tells
      produced += events.length;
      events = [];
    };
    for (let atMs = fromMs; atMs < toMs; atMs += this.#shape.everyMs) {
      for (let series = 0; series < this.#shape.series; series++) {
        events.push(this.#reading(series, atMs));
        if (events.length === RECORD_EVENTS) await flush();
      }
    }
    if (events.length > 0) await flush();
    await producer.flush(60_000);
    await producer.disconnect();
    return produced;
  }

  #reading(series: number, atMs: number): object {
    const { services } = this.#shape;
    return {
      id: `${series}-${atMs}`,
      tenant: 'default',
      service: `service-${series % services}`,
      host: `host-${Math.floor(series / services)}`,
      kind: 'METRIC',
      name: 'cpu.usage',
      severity: 'INFO',
      value: 50 + 40 * Math.sin(atMs / 60_000 + series),
      unit: '%',
      timestamp: atMs * 1000,
      labels: { zone: `z${series % 3}` },
      message: null,
      traceId: null,
    };
  }
}
