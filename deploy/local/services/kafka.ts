// Kafka: the only log. One broker that is its own controller (KRaft), on loopback, with replication factors of 1.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Failure, reasonOf } from '../failure.ts';
import { KAFKA_JARS } from '../places.ts';
import { LOOPBACK, type PortPlan } from '../port-plan.ts';
import { findProgram } from '../programs.ts';
import { liveBrokerCount } from './kafka-probe.ts';
import type { Service, ServiceCommand, ServiceContext } from './service.ts';

const run = promisify(execFile);

/** Fixed: a broker refuses data written under another cluster id, and this data directory belongs to this stack alone. */
const CLUSTER_ID = 'bWRzLWxvY2FsLXN0YWNrMQ';

/** 8 MiB: a batch record of 10,000 events of 500 bytes fits with room to spare; Kafka's default of 1 MiB would not do. */
const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;

/** 128 MiB: small, so that what is past its time can be deleted soon. */
const SEGMENT_BYTES = 128 * 1024 * 1024;

const LOG4J = join(dirname(fileURLToPath(import.meta.url)), 'kafka-log4j2.xml');

export const kafka: Service = {
  name: 'kafka',
  title: 'Kafka',
  ports: ['kafka', 'kafkaController'],
  readyTimeoutMs: 60_000,
  stopSignal: 'SIGTERM',
  stopGraceMs: 15_000,
  prepare,
  probe,
};

async function prepare({ places, ports, kafkaSegmentBytes = SEGMENT_BYTES }: ServiceContext): Promise<ServiceCommand> {
  if (!existsSync(KAFKA_JARS)) throw new Failure('Kafka has not been downloaded yet: run make setup.');
  const java = await findProgram('java');
  const directory = join(places.data, 'kafka');
  const properties = join(directory, 'server.properties');
  const logDirectory = join(directory, 'log');
  await mkdir(logDirectory, { recursive: true });
  await writeFile(properties, brokerProperties(ports, logDirectory, kafkaSegmentBytes));
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
function brokerProperties(ports: PortPlan, logDirectory: string, segmentBytes: number): string {
  const settings: Readonly<Record<string, string | number | boolean>> = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@${LOOPBACK}:${ports.kafkaController}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://${LOOPBACK}:${ports.kafka},CONTROLLER://${LOOPBACK}:${ports.kafkaController}`,
    'advertised.listeners': `PLAINTEXT://${LOOPBACK}:${ports.kafka}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': logDirectory,
    // a misspelt topic must be an error, not a new topic
    'auto.create.topics.enable': false,
    'num.partitions': 8,
    'default.replication.factor': 1,
    'min.insync.replicas': 1,
    'offsets.topic.replication.factor': 1,
    // 50 by default: on one broker that only makes its first start and every stop slower
    'offsets.topic.num.partitions': 8,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 8,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'message.max.bytes': MAX_MESSAGE_BYTES,
    'replica.fetch.max.bytes': MAX_MESSAGE_BYTES,
    // a day: a developer's disk holds what a day of this machine's telemetry needs; topics override it
    'log.segment.bytes': segmentBytes,
    'log.retention.hours': 24,
    'log.retention.check.interval.ms': 60_000,
    // heartbeats of the broker to its own controller: a stop takes as long as the next one
    'broker.heartbeat.interval.ms': 500,
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
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

async function probe({ ports }: ServiceContext): Promise<void> {
  // The port opens long before the broker may serve: it is ready once its controller lists it among the live brokers.
  if ((await liveBrokerCount(LOOPBACK, ports.kafka)) < 1) throw new Error('the broker is not registered yet');
}
