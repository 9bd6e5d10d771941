// A control plane and an ingest door on the test's stack, with a topic of MonitoringEvents: what the tests of the doors need.

import { readFileSync } from 'node:fs';
import type { Test } from 'tap';
import type { TestProcess } from '../harness/processes.ts';
import type { TopicInfo } from '../harness/rest-client.ts';
import { startService, type TestService } from '../harness/service.ts';
import { readEvents, type StoredEvent } from '../harness/topic-events.ts';

export interface MonitoringEvent {
  readonly id: string;
  readonly tenant: string;
  readonly service: string;
  readonly host: string;
  readonly kind: string;
  readonly name: string;
  readonly severity: string;
  readonly value: number | null;
  readonly unit: string;
  readonly timestamp: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly message: string | null;
  readonly traceId: string | null;
}

export const SCHEMA = JSON.parse(readFileSync('schemas/avro/events/MonitoringEvent.avsc', 'utf8'));

export class IngestStage {
  readonly service: TestService;
  readonly door: TestProcess;

  private constructor(service: TestService, door: TestProcess) {
    this.service = service;
    this.door = door;
  }

  /** @param env further variables of the door, made from the name of a topic that there will be */
  static async start(
    t: Test,
    env: (topic: string) => Readonly<Record<string, string>> = () => ({}),
  ): Promise<IngestStage> {
    const service = await startService(t, { workers: 0, edges: 0 });
    const door = await service.addIngest(env(`first-${service.namespace.id}`));
    await door.start();
    return new IngestStage(service, door);
  }

  get brokers(): string {
    return this.service.stack.env.MDS_KAFKA_BROKERS ?? '';
  }

  /** A topic of MonitoringEvents. */
  topic(name: string, schema: unknown = SCHEMA): Promise<TopicInfo> {
    return this.service.api.createTopic({ name: `${name}-${this.service.namespace.id}`, partitions: 2, schema });
  }

  async post(path: string, body: string | Uint8Array, headers: Readonly<Record<string, string>>): Promise<Answer> {
    const answer = await fetch(`${this.door.httpUrl}${path}`, { method: 'POST', headers, body: Buffer.from(body) });
    const text = await answer.text();
    return { status: answer.status, text, headers: answer.headers };
  }

  stored(topic: TopicInfo): Promise<StoredEvent<MonitoringEvent>[]> {
    return readEvents<MonitoringEvent>(this.brokers, topic);
  }
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}
