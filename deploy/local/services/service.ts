// What the local stack needs to know about one of its services: how to prepare its files, start it, and see it is ready.

import type { Places } from '../places.ts';
import type { PortName, PortPlan } from '../port-plan.ts';

export type ServiceName = 'kafka' | 'kafka-2' | 'kafka-3' | 'registry' | 'redis' | 'postgres';

/** What tests want of Kafka; `make run` takes the defaults. */
export interface KafkaLayout {
  /** Three: a cluster of kafka, kafka-2 and kafka-3 that bears the loss of one, replication factor 3. Default 1. */
  readonly brokers?: 1 | 3;
  /** Where the broker keeps its log. Default: in the data directory. */
  readonly logDirectory?: string;
  /** A second listener of the first broker, whose clients are told to come to `advertised`: a proxy in front of it. */
  readonly proxied?: { readonly port: number; readonly advertisedPort: number };
  /** How often the broker looks for what is past its retention. Default: a minute. */
  readonly retentionCheckMs?: number;
}

export interface ServiceContext {
  readonly places: Places;
  readonly ports: PortPlan;
  /** Kafka's log.segment.bytes; absent: small ones. */
  readonly kafkaSegmentBytes?: number | undefined;
  readonly kafkaLayout?: KafkaLayout | undefined;
}

export interface ServiceCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly user?: { readonly uid: number; readonly gid: number };
}

export interface Service {
  readonly name: ServiceName;
  /** What a message to a person calls it. */
  readonly title: string;
  readonly ports: readonly PortName[];
  /** How long it may take to be ready on a busy machine; a warm start takes a tenth. */
  readonly readyTimeoutMs: number;
  readonly stopSignal: NodeJS.Signals;
  readonly stopGraceMs: number;
  /** Writes config and creates its data when there is none yet; repeatable. */
  readonly prepare: (context: ServiceContext) => Promise<ServiceCommand>;
  /** Throws until it answers its own protocol. */
  readonly probe: (context: ServiceContext) => Promise<void>;
  /** Done once after it is ready, repeatable (create a database). */
  readonly afterReady?: (context: ServiceContext) => Promise<void>;
}
