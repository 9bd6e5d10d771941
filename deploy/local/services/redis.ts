// Redis: carries the lanes and who is alive. Holds nothing that cannot be rebuilt, so it saves nothing to disk.

import { mkdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { LOOPBACK } from '../port-plan.ts';
import { findProgram } from '../programs.ts';
import type { Service, ServiceCommand, ServiceContext } from './service.ts';

/**
 * A subscriber (an edge's lane) that does not read is cut off at 256 MB, or when it stays above 64 MB for 10 s. 256 MB is
 * one second of the highest lane rate measured on one machine (DESIGN §5: 260 MB/s): an edge in a long garbage collection
 * survives, one that hangs does not fill the machine's memory. Redis' own default (32 MB, or 8 MB for 60 s) would cut off
 * an edge after an eighth of a second at that rate. A cut lane loses nothing: the edge sees the gap and repairs it.
 */
const PUBSUB_BUFFER_LIMIT = 'pubsub 256mb 64mb 10';

/** Room for the registers of interest and liveness (a few MB) and three subscribers at their buffer limit. */
const MAX_MEMORY = '1gb';

export const redis: Service = {
  name: 'redis',
  title: 'Redis',
  ports: ['redis'],
  readyTimeoutMs: 20_000,
  stopSignal: 'SIGTERM',
  stopGraceMs: 5_000,
  prepare,
  probe,
};

async function prepare({ places, ports }: ServiceContext): Promise<ServiceCommand> {
  const directory = join(places.data, 'redis');
  await mkdir(directory, { recursive: true });
  const settings: Readonly<Record<string, string>> = {
    port: String(ports.redis),
    bind: LOOPBACK,
    dir: directory,
    daemonize: 'no',
    save: '',
    appendonly: 'no',
    maxmemory: MAX_MEMORY,
    // a full Redis must refuse loudly: evicting an interest or a heartbeat would lose events quietly
    'maxmemory-policy': 'noeviction',
    'client-output-buffer-limit': PUBSUB_BUFFER_LIMIT,
    // clients that die without a word are noticed within a minute
    'tcp-keepalive': '30',
  };
  return {
    file: await findProgram('redis-server'),
    args: Object.entries(settings).flatMap(([key, value]) => [
      `--${key}`,
      ...(key === 'client-output-buffer-limit' ? value.split(' ') : [value]),
    ]),
  };
}

function probe({ ports }: ServiceContext): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: LOOPBACK, port: ports.redis }, () => socket.write('PING\r\n'));
    socket.setTimeout(1_000, () => socket.destroy(new Error('no answer to PING within 1 s')));
    socket.once('error', reject);
    socket.once('data', (answer) => {
      socket.destroy();
      const text = answer.toString('latin1').trim();
      if (text === '+PONG') resolve();
      else reject(new Error(`PING was answered by ${text}`));
    });
    socket.once('close', () => reject(new Error('connection closed before an answer to PING')));
  });
}
