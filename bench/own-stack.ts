// The bench's own Kafka, Redis, registry and PostgreSQL on ports of their own, started when a suite first asks, removed with
// their data at the end.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Stack, startStack } from '../deploy/local/local-stack.ts';
import { placesOf } from '../deploy/local/places.ts';
import { DEFAULT_PORT_BASE, PORT_SPAN } from '../deploy/local/port-plan.ts';
import type { StackAddress } from './suite.ts';

/** Beside a service that `make run` has started, not on it. */
const PORT_BASE = DEFAULT_PORT_BASE + 2 * PORT_SPAN;

/** 1 GiB, Kafka's own default: a suite writes less to a partition. */
const SEGMENT_BYTES = 2 ** 30;

export class OwnStack {
  readonly #home = join(placesOf(process.env.MDS_HOME).home, 'bench-stack');
  readonly #progress: (line: string) => void;
  #starting: Promise<Stack> | null = null;

  constructor(progress: (line: string) => void) {
    this.#progress = progress;
  }

  async address(): Promise<StackAddress> {
    this.#starting ??= this.#start();
    const services = await this.#starting;
    const { env } = services;
    return { brokers: env.MDS_KAFKA_BROKERS ?? '', redisUrl: env.MDS_REDIS_URL ?? '', env, services };
  }

  async end(): Promise<void> {
    if (!this.#starting) return;
    const keepAlive = setInterval(() => undefined, 1000); // the services do not keep this process alive; stopping them has to
    const stack = await this.#starting.catch(() => null);
    await stack?.stop();
    clearInterval(keepAlive);
    rmSync(this.#home, { recursive: true, force: true });
  }

  #start(): Promise<Stack> {
    rmSync(this.#home, { recursive: true, force: true }); // what a run that was killed has left
    const portBase = Number(process.env.MDS_PORT_BASE ?? PORT_BASE);
    return startStack({ home: this.#home, portBase, kafkaSegmentBytes: SEGMENT_BYTES, onProgress: this.#progress });
  }
}
