// One syslog connection. TCP syslog has no acknowledgements: what has been read and is not in Kafka is lost when this process
// ends. So little is read ahead: while messages are being written the socket is paused, TCP holds the sender back, and what
// Kafka does not take is tried again until it does.

import type { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from '../../../platform/log.ts';
import { MdsError, reasonOf } from '../../../schemas/errors.ts';
import type { IngestResult } from '../../../schemas/ingest.ts';
import type { EventMapper } from '../mapping/compile.ts';
import type { Facts } from '../mapping/facts.ts';
import { SyslogFramer } from './framer.ts';
import { readSyslog, type SyslogMessage } from './message.ts';

export interface SyslogOptions {
  readonly log: Logger;
  readonly maxMessageBytes: number;
  /** Aborted when the process stops: then what is in hand is tried only a little longer. */
  readonly signal: AbortSignal;
  readonly map: () => EventMapper;
  /** Who may write what came with this token. @throws MdsError when nobody may */
  readonly writerFor: (
    token: string | null,
  ) => Promise<(events: readonly unknown[]) => Promise<readonly IngestResult[]>>;
  readonly onLost: (events: number) => void;
}

const RETRY_MS = { first: 100, most: 2000 } as const;
/** After the stop signal, well within the 10 s that a process has. */
const LAST_TRIES_MS = 4000;
const MICROS_PER_MS = 1000;

/** Reads the connection to its end. Never rejects: what ends it early is logged. */
export async function serveSyslog(socket: Socket, options: SyslogOptions): Promise<void> {
  const peer = socket.remoteAddress ?? 'unknown';
  const { log, signal } = options;
  const framer = new SyslogFramer(options.maxMessageBytes);
  const map = options.map();
  const stop = (): void => void socket.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const chunk of socket) await writeAll(framer.push(chunk), peer, map, options);
    const last = framer.end();
    if (last) await writeAll([last], peer, map, options);
  } catch (error) {
    if (signal.aborted) return; // ended here and not there
    const code = error instanceof MdsError ? error.code : undefined;
    log.warn({ peer, code, reason: reasonOf(error) }, 'syslog connection closed');
  } finally {
    signal.removeEventListener('abort', stop);
    socket.destroy();
  }
}

async function writeAll(
  messages: readonly Buffer[],
  peer: string,
  map: EventMapper,
  options: SyslogOptions,
): Promise<void> {
  const nowMicros = Date.now() * MICROS_PER_MS;
  const read = messages.map((bytes) => readSyslog(bytes, peer, nowMicros));
  for (const [token, facts] of byToken(read)) {
    const write = await options.writerFor(token);
    await untilWritten(facts.map(map), write, options);
  }
}

/** In order; almost always there is one token in all of them. */
function byToken(messages: readonly SyslogMessage[]): readonly (readonly [string | null, Facts[]])[] {
  const runs: [string | null, Facts[]][] = [];
  for (const { token, facts } of messages) {
    const last = runs.at(-1);
    if (last && last[0] === token) last[1].push(facts);
    else runs.push([token, [facts]]);
  }
  return runs;
}

async function untilWritten(
  events: readonly unknown[],
  write: (events: readonly unknown[]) => Promise<readonly IngestResult[]>,
  { signal, log, onLost }: SyslogOptions,
): Promise<void> {
  let left = events;
  let stopsAtMs = Number.POSITIVE_INFINITY;
  for (let delayMs: number = RETRY_MS.first; left.length > 0; delayMs = Math.min(2 * delayMs, RETRY_MS.most)) {
    try {
      const failed = (await write(left)).filter(({ status }) => status === 'failed');
      left = failed.flatMap(({ index }) => left.slice(index, index + 1));
      if (left.length === 0) return;
    } catch (error) {
      if (!(error instanceof MdsError) || !error.retryable) throw error;
    }
    if (signal.aborted) stopsAtMs = Math.min(stopsAtMs, performance.now() + LAST_TRIES_MS);
    if (performance.now() > stopsAtMs) {
      log.error({ events: left.length }, 'syslog messages were not written before the process had to end');
      return onLost(left.length);
    }
    await wait(delayMs);
  }
}
