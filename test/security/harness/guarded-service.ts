// A service with authentication on, and an operator who makes tenants and keys over its REST API, as a person would.

import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import { formatApiKey, newKeyId, newKeySecret } from '../../../platform/identity/api-key.ts';
import type { TestProcess } from '../../integration/harness/processes.ts';
import { startService, type TestService } from '../../integration/harness/service.ts';
import { until } from '../../integration/harness/until.ts';
import { message } from '../websocket/conformance-case.ts';
import { RawWebSocket, text } from '../websocket/raw-websocket.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export interface KeyWish {
  readonly tenant: string;
  readonly roles?: readonly string[];
  readonly grants?: readonly object[];
  readonly claims?: object;
  readonly expiresInSeconds?: number;
}

/** The promise: what changes about identities is in effect at every door within 5 s; a busy machine has longer. */
const EFFECTIVE_MS = 15_000;
const REQUEST_TIMEOUT_MS = 20_000;
/** Every test here asks more than a person would. */
const FREELY = {
  MDS_EDGE_MESSAGES_PER_SECOND: '100000',
  MDS_EDGE_MESSAGE_BURST: '100000',
};

/** For thousands of requests from one address; limits on requests have tests of their own. */
export const UNLIMITED = Object.fromEntries(
  [
    ...['READS_PER_TENANT', 'READS_PER_KEY', 'READS_PER_ADDRESS', 'FAILED_AUTHENTICATIONS'],
    ...['WRITES_PER_TENANT', 'WRITES_PER_KEY', 'WRITES_PER_ADDRESS'],
  ].map((limit) => [`MDS_LIMIT_${limit}`, '1000000']),
);

export async function ask(
  url: string,
  method: string,
  path: string,
  { body, credential = null, headers = {} }: AskOptions = {},
): Promise<Answer> {
  const isJson = body !== undefined && typeof body !== 'string';
  const answer = await fetch(new URL(path, url), {
    method,
    headers: {
      ...(isJson ? { 'content-type': 'application/json' } : {}),
      ...(credential === null ? {} : { authorization: `Bearer ${credential}` }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: isJson ? JSON.stringify(body) : String(body) }),
    redirect: 'manual',
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
  });
  return { status: answer.status, headers: answer.headers, text: await textOf(answer) };
}

/** Of a stream that goes on its first piece. */
async function textOf(answer: Response): Promise<string> {
  if (!answer.headers.get('content-type')?.startsWith('text/event-stream')) return answer.text();
  const reader = answer.body?.getReader();
  const { value = new Uint8Array(0) } = (await reader?.read()) ?? {};
  await reader?.cancel();
  return new TextDecoder().decode(value);
}

export interface AskOptions {
  readonly body?: unknown;
  readonly credential?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

export class GuardedService {
  readonly service: TestService;
  readonly operatorKey: string;

  private constructor(service: TestService, operatorKey: string) {
    this.service = service;
    this.operatorKey = operatorKey;
  }

  /** @param controlPlaneEnv further variables for the control plane, made from those of the namespace */
  static async start(
    t: Test,
    env: Readonly<Record<string, string>> = {},
    controlPlaneEnv: (env: Readonly<Record<string, string>>) => Readonly<Record<string, string>> = () => ({}),
  ): Promise<GuardedService> {
    const operatorKey = formatApiKey({ id: newKeyId(), secret: newKeySecret() });
    const service = await startService(t, {
      env: { MDS_AUTH: 'on', MDS_AUTH_SECRET: randomBytes(32).toString('hex'), ...FREELY, ...env },
      controlPlaneEnv: (own) => ({ ...controlPlaneEnv(own), MDS_OPERATOR_KEY: operatorKey }),
    });
    return new GuardedService(service, operatorKey);
  }

  get url(): string {
    return this.service.controlPlane.httpUrl;
  }

  /** @returns the parsed answer @throws Error unless it is a good one */
  async must(method: string, path: string, body?: unknown, credential = this.operatorKey) {
    const { status, text } = await ask(this.url, method, path, { body, credential });
    if (status >= 300) throw new Error(`${method} ${path} answered ${status}: ${text}`);
    return text === '' ? null : JSON.parse(text);
  }

  /** Lower-case letters and digits, unlike any other in the run. */
  async newTenant(name: string): Promise<string> {
    const id = `${name}${randomBytes(4).toString('hex')}`;
    await this.must('POST', '/v1/tenants', { id });
    return id;
  }

  /** Resolves when it is known at the control plane. */
  async newKey(wish: KeyWish): Promise<{ readonly id: string; readonly credential: string }> {
    const { id, credential } = await this.must('POST', '/v1/keys', { name: 'test', ...wish });
    await this.isKnown(credential, [this.service.controlPlane], true);
    return { id, credential };
  }

  /** Waits until the edge takes the credential, or refuses it. */
  async isKnownAtEdge(credential: string, isWanted: boolean): Promise<void> {
    const port = Number(new URL(this.service.edge(0).clientUrl).port);
    await until('the edge to know it, or not', EFFECTIVE_MS, async () => {
      const client = await RawWebSocket.open({ port, headers: { Authorization: `Bearer ${credential}` } });
      await client.write(text(message('known')));
      await client.until(() => client.isEnded || client.seen.includes('answer:known'), 'an answer');
      const isKnown = client.seen.includes('answer:known');
      client.destroy();
      return isKnown === isWanted;
    });
  }

  /** Waits until each of them takes the credential, or refuses it. */
  async isKnown(credential: string, processes: readonly TestProcess[], isWanted: boolean): Promise<void> {
    for (const { name, httpUrl } of processes) {
      await until(`${name} to know it, or not`, EFFECTIVE_MS, async () => {
        const { status } = await ask(httpUrl, 'GET', '/v1/whoami', { credential });
        return (status !== 401) === isWanted;
      });
    }
  }
}
