// One look at one service: is it able to do its job, and how long did it take to say so. Own processes are asked for
// /readyz; the parts of the stack are asked in the cheapest way that a hung one would not answer.

import { connect } from 'node:net';
import { reasonOf } from '../../schemas/errors.ts';

export type ServiceTarget =
  | { readonly service: string; readonly instance: string; readonly via: 'http'; readonly url: string }
  | {
      readonly service: string;
      readonly instance: string;
      readonly via: 'tcp';
      readonly host: string;
      readonly port: number;
    }
  /** Sends `say` and expects an answer that begins with `expect`. */
  | {
      readonly service: string;
      readonly instance: string;
      readonly via: 'dialogue';
      readonly host: string;
      readonly port: number;
      readonly say: Uint8Array;
      readonly expect: string;
    };

export interface ProbeResult {
  readonly target: ServiceTarget;
  readonly healthy: boolean;
  readonly tookMs: number;
  /** Why it is not healthy; null when it is. */
  readonly reason: string | null;
}

/** Never throws: whatever goes wrong is the result. */
export async function probe(target: ServiceTarget, timeoutMs: number): Promise<ProbeResult> {
  const startedMs = performance.now();
  let reason: string | null = null;
  try {
    reason = target.via === 'http' ? await askHttp(target.url, timeoutMs) : await askSocket(target, timeoutMs);
  } catch (error) {
    reason = reasonOf(error instanceof Error && error.cause instanceof Error ? error.cause : error);
  }
  return { target, healthy: reason === null, tookMs: performance.now() - startedMs, reason };
}

async function askHttp(url: string, timeoutMs: number): Promise<string | null> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
  const body = await answer.text();
  return answer.ok ? null : `answers ${answer.status}: ${body.slice(0, 200)}`;
}

function askSocket(target: Exclude<ServiceTarget, { via: 'http' }>, timeoutMs: number): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: target.host, port: target.port });
    const done = (reason: string | null): void => {
      socket.destroy();
      resolve(reason);
    };
    socket.setTimeout(timeoutMs, () => done(`no answer within ${timeoutMs} ms`));
    socket.once('error', reject);
    socket.once('close', () => resolve('closed the connection'));
    socket.once('connect', () => {
      if (target.via === 'tcp') done(null);
      else socket.write(target.say);
    });
    socket.once('data', (chunk) => {
      if (target.via === 'tcp') return;
      const answer = chunk.toString('latin1');
      done(answer.startsWith(target.expect) ? null : `answers ${JSON.stringify(answer.slice(0, 40))}`);
    });
  });
}
