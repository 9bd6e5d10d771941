// The Kafka, Redis, registry and PostgreSQL of the fault suite: its own, because runs break them. One of each kind for all
// runs, which go one after the other; what a run has left broken is started again before the next.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Stack } from '../../../deploy/local/local-stack.ts';
import type { ServiceName } from '../../../deploy/local/services/service.ts';
import { freePort } from '../../integration/harness/free-port.ts';
import { ownStack, type TestStack } from '../../integration/harness/stack.ts';

/** `small-disk`: Kafka's log lies on a file system of its own that is soon full; only root can make one. */
export type StackKind = 'one-broker' | 'three-brokers' | 'small-disk';

export interface FaultStack extends TestStack {
  readonly services: Stack;
  readonly brokerNames: readonly ServiceName[];
  /** Where Kafka listens for clients that come through a proxy, and where those are told that it is. */
  readonly kafkaBehindProxy: { readonly port: number; readonly advertisedPort: number };
  /** Of a small disk: makes it larger. */
  readonly enlargeDisk: (megabytes: number) => void;
}

const SMALL_DISK_MEGABYTES = 32;
/** Small, so that a log has several and old ones can be deleted. */
const SMALL_SEGMENT_BYTES = 1024 * 1024;

export class Stacks {
  readonly #stacks = new Map<StackKind, Promise<FaultStack>>();

  get(kind: StackKind): Promise<FaultStack> {
    const known = this.#stacks.get(kind);
    if (known !== undefined) return known;
    const made = start(kind);
    this.#stacks.set(kind, made);
    return made;
  }

  /** Makes everything run again that a run has stopped, killed or frozen. */
  async restore(): Promise<void> {
    for (const stack of await Promise.all(this.#stacks.values())) {
      const names: readonly ServiceName[] = ['redis', 'postgres', 'registry', ...stack.brokerNames];
      for (const name of names) {
        if (stack.services.pid(name) === undefined) await stack.services.start(name);
        else stack.services.resume(name);
      }
    }
  }

  /** Ends one kind, so that the next run gets a new one. */
  async drop(kind: StackKind): Promise<void> {
    const stack = this.#stacks.get(kind);
    this.#stacks.delete(kind);
    if (stack !== undefined) await (await stack).release();
  }

  async release(): Promise<void> {
    await Promise.all([...this.#stacks.keys()].map((kind) => this.drop(kind)));
  }
}

async function start(kind: StackKind): Promise<FaultStack> {
  const proxied = { port: await freePort(), advertisedPort: await freePort() };
  const disk = kind === 'small-disk' ? mountSmallDisk() : null;
  const stack = await ownStack(undefined, {
    ...(disk === null ? {} : { kafkaSegmentBytes: SMALL_SEGMENT_BYTES }),
    kafkaLayout: {
      ...(kind === 'three-brokers' ? { brokers: 3 } : { proxied }),
      ...(disk === null ? {} : { logDirectory: disk.directory }),
    },
  });
  if (stack.services === null) throw new Error('the stack is not its own');
  return {
    ...stack,
    services: stack.services,
    brokerNames: kind === 'three-brokers' ? ['kafka', 'kafka-2', 'kafka-3'] : ['kafka'],
    kafkaBehindProxy: proxied,
    enlargeDisk: (megabytes) => disk?.resize(megabytes),
    release: async () => {
      await stack.release();
      disk?.remove();
    },
  };
}

function mountSmallDisk(): { directory: string; resize: (megabytes: number) => void; remove: () => void } {
  const directory = mkdtempSync(join(tmpdir(), 'mds-small-disk-'));
  const mount = (options: string): void => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory]);
  };
  mount(`size=${SMALL_DISK_MEGABYTES}m`);
  return {
    directory,
    resize: (megabytes) => mount(`remount,size=${megabytes}m`),
    remove: () => {
      execFileSync('umount', [directory]);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
