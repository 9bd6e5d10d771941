// Kafka: the only log. One broker that is its own controller (KRaft), on loopback, with replication factors of 1; or, for
// tests that lose brokers, three of them with replication factors of 3.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Failure, reasonOf } from '../failure.ts';
import { KAFKA_JARS } from '../places.ts';
import { LOOPBACK, type PortName, type PortPlan } from '../port-plan.ts';
import { findProgram } from '../programs.ts';
import { liveBrokerCount } from './kafka-probe.ts';
import type { KafkaLayout, Service, ServiceCommand, ServiceContext, ServiceName } from './service.ts';

const run = promisify(execFile);

/** Fixed: a broker refuses data written under another cluster id, and this data directory belongs to this stack alone. */
const CLUSTER_ID = 'bWRzLWxvY2FsLXN0YWNrMQ';

/** 8 MiB: a batch record of 10,000 events of 500 bytes fits with room to spare; Kafka's default of 1 MiB would not do. */
const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;

/** 128 MiB: small, so that what is past its time can be deleted soon. */
const SEGMENT_BYTES = 128 * 1024 * 1024;

const LOG4J = join(dirname(fileURLToPath(import.meta.url)), 'kafka-log4j2.xml');

/** A broker has no place among its peers after this long without a heartbeat: long pauses of a busy machine are shorter. */
const SESSION_TIMEOUT_MS = 3000;

interface Broker {
  readonly nodeId: 1 | 2 | 3;
  readonly name: ServiceName;
  readonly port: PortName;
  readonly controllerPort: PortName;
}

const BROKERS: readonly [Broker, Broker, Broker] = [
  { nodeId: 1, name: 'kafka', port: 'kafka', controllerPort: 'kafkaController' },
  { nodeId: 2, name: 'kafka-2', port: 'kafka2', controllerPort: 'kafkaController2' },
  { nodeId: 3, name: 'kafka-3', port: 'kafka3', controllerPort: 'kafkaController3' },
];

export const kafka: Service = brokerService(BROKERS[0]);

/** All that a cluster of three consists of. */
export const KAFKA_BROKERS: readonly Service[] = [kafka, brokerService(BROKERS[1]), brokerService(BROKERS[2])];

/** Where clients begin: host:port of each broker. */
export const bootstrapOf = (ports: PortPlan, brokers: 1 | 3 = 1): string =>
  BROKERS.slice(0, brokers)
    .map(({ port }) => `${LOOPBACK}:${ports[port]}`)
    .join(',');

function brokerService(broker: Broker): Service {
  return {
    name: broker.name,
    title: broker.nodeId === 1 ? 'Kafka' : `Kafka ${broker.nodeId}`,
    ports: [broker.port, broker.controllerPort],
    readyTimeoutMs: 60_000,
    stopSignal: 'SIGTERM',
    stopGraceMs: 15_000,
    prepare: (context) => prepare(broker, context),
    probe: (context) => probe(broker, context),
  };
}

async function prepare(broker: Broker, context: ServiceContext): Promise<ServiceCommand> {
  const { places, kafkaLayout: layout = {} } = context;
  if (!existsSync(KAFKA_JARS)) throw new Failure('Kafka has not been downloaded yet: run make setup.');
  const java = await findProgram('java');
  const directory = join(places.data, broker.name);
  const properties = join(directory, 'server.properties');
  const logDirectory = join(layout.logDirectory ?? directory, 'log');
  await mkdir(directory, { recursive: true });
  await mkdir(logDirectory, { recursive: true });
  await writeFile(properties, brokerProperties(broker, context, logDirectory));
  const classPath = `${KAFKA_JARS}/*`;
  if (!existsSync(join(logDirectory, 'meta.properties'))) {
    await formatLogDirectory(java, classPath, properties);
  }
  return {
    file: java,
    args: [
      // 768 MB: the broker keeps record batches in the page cache, not on its heap; enough for some hundred partitions.
      '-Xms256m',
      '-Xmx768m',
      // On a machine where the broker is one of many, the second compiler's work for code that runs a few minutes and the
      // collector's second thread are what others wait for: at 300,000 events/s 0.18 cores instead of 0.29.
      '-XX:TieredStopAtLevel=1',
      '-XX:+UseG1GC',
      '-XX:MaxGCPauseMillis=20',
      '-XX:ParallelGCThreads=1',
      '-XX:ConcGCThreads=1',
      '-Xshare:auto',
      '-Djava.awt.headless=true',
      `-Dlog4j2.configurationFile=${LOG4J}`,
      '-cp',
      classPath,
      'kafka.Kafka',
      properties,
    ],
  };
}

/** The broker's settings: `key=value` lines. */
function brokerProperties(broker: Broker, context: ServiceContext, logDirectory: string): string {
  const { ports, kafkaSegmentBytes = SEGMENT_BYTES, kafkaLayout: layout = {} } = context;
  const { brokers = 1, retentionCheckMs = 60_000 } = layout;
  const cluster = BROKERS.slice(0, brokers);
  const inSync = brokers === 1 ? 1 : 2;
  const address = `${LOOPBACK}:${ports[broker.port]}`;
  const { bound, advertised } = proxiedListener(broker, layout);
  const settings: Readonly<Record<string, string | number | boolean>> = {
    'process.roles': 'broker,controller',
    'node.id': broker.nodeId,
    'controller.quorum.voters': cluster
      .map(({ nodeId, controllerPort }) => `${nodeId}@${LOOPBACK}:${ports[controllerPort]}`)
      .join(','),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    listeners: `PLAINTEXT://${address},CONTROLLER://${LOOPBACK}:${ports[broker.controllerPort]}${bound}`,
    'advertised.listeners': `PLAINTEXT://${address}${advertised}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT',
    'log.dirs': logDirectory,
    // a misspelt topic must be an error, not a new topic
    'auto.create.topics.enable': false,
    'num.partitions': 8,
    'default.replication.factor': brokers,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': brokers,
    // 50 by default: on one broker that only makes its first start and every stop slower
    'offsets.topic.num.partitions': 8,
    'transaction.state.log.replication.factor': brokers,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': 8,
    'share.coordinator.state.topic.replication.factor': brokers,
    'share.coordinator.state.topic.min.isr': inSync,
    'group.initial.rebalance.delay.ms': 0,
    'message.max.bytes': MAX_MESSAGE_BYTES,
    'replica.fetch.max.bytes': MAX_MESSAGE_BYTES,
    // a day: a developer's disk holds what a day of this machine's telemetry needs; topics override it
    'log.segment.bytes': kafkaSegmentBytes,
    'log.retention.hours': 24,
    'log.retention.check.interval.ms': retentionCheckMs,
    // heartbeats of the broker to its own controller: a stop takes as long as the next one
    'broker.heartbeat.interval.ms': 500,
    ...(brokers === 1 ? {} : { 'broker.session.timeout.ms': SESSION_TIMEOUT_MS }),
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

/** The parts of both listener settings that the second listener needs; nothing when there is none. */
function proxiedListener({ nodeId }: Broker, { proxied }: KafkaLayout): { bound: string; advertised: string } {
  if (proxied === undefined || nodeId !== 1) return { bound: '', advertised: '' };
  return {
    bound: `,PROXIED://${LOOPBACK}:${proxied.port}`,
    advertised: `,PROXIED://${LOOPBACK}:${proxied.advertisedPort}`,
  };
}

async function formatLogDirectory(java: string, classPath: string, properties: string): Promise<void> {
  const args = ['-XX:TieredStopAtLevel=1', `-Dlog4j2.configurationFile=${LOG4J}`, '-cp', classPath];
  const format = ['kafka.tools.StorageTool', 'format', '--cluster-id', CLUSTER_ID, '--config', properties];
  try {
    await run(java, [...args, ...format]);
  } catch (error) {
    throw new Failure(`Kafka's data directory cannot be prepared: ${reasonOf(error)}`);
  }
}

async function probe({ port }: Broker, { ports }: ServiceContext): Promise<void> {
  // The port opens long before the broker may serve: it is ready once its controller lists it among the live brokers.
  if ((await liveBrokerCount(LOOPBACK, ports[port])) < 1) throw new Error('the broker is not registered yet');
}
