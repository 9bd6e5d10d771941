// The topic that telemetry goes to: found through the control plane's REST API, or created there with the default schema.

import { randomUUID } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { MdsError, reasonOf } from '../../schemas/errors.ts';

const HostTopic = Type.Object({
  name: Type.String(),
  tenant: Type.String(),
  kafkaTopic: Type.String(),
  schemaId: Type.Integer(),
  batchSchemaId: Type.Integer(),
  schema: Type.Unknown(),
});
const isHostTopic = Compile(HostTopic);
export type HostTopic = Static<typeof HostTopic>;

export interface ControlPlaneAddress {
  readonly apiUrl: string;
  /** Absent where authentication is off. */
  readonly apiKey?: string;
}

export const authorization = (apiKey: string | undefined): Record<string, string> =>
  apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };

/** Creating a topic waits for Kafka and the registry. */
const TIMEOUT_MS = 15_000;

/**
 * Asks for the topic and creates it where there is none; doing so twice, or from two machines at once, is harmless.
 *
 * @throws MdsError `MDS_DEPENDENCY_UNAVAILABLE` while the control plane cannot be reached or does not know better
 */
export async function hostTopic(api: ControlPlaneAddress, name: string, signal: AbortSignal): Promise<HostTopic> {
  const found = await call(api, `/v1/topics/${encodeURIComponent(name)}`, { signal });
  if (found.status === 200) return readTopic(found.body);
  if (found.status !== 404) throw unavailable(`it answered ${found.status}: ${found.body.slice(0, 300)}`);
  const created = await call(api, '/v1/topics', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID() },
    body: JSON.stringify({ name }),
    signal,
  });
  // 409: another collector was faster; the next try finds the topic
  if (created.status !== 201 && created.status !== 200) {
    throw unavailable(`it answered ${created.status}: ${created.body.slice(0, 300)}`);
  }
  return readTopic(created.body);
}

async function call(
  { apiUrl, apiKey }: ControlPlaneAddress,
  path: string,
  init: { readonly method?: string; readonly headers?: object; readonly body?: string; readonly signal: AbortSignal },
) {
  try {
    const signal = AbortSignal.any([init.signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const answer = await fetch(new URL(path, apiUrl), {
      ...init,
      headers: { ...init.headers, ...authorization(apiKey) },
      signal,
    });
    return { status: answer.status, body: await answer.text() };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw unavailable(reasonOf(cause), error);
  }
}

function readTopic(body: string): HostTopic {
  let topic: unknown;
  try {
    topic = JSON.parse(body);
  } catch (error) {
    throw unavailable(`its answer is not JSON: ${reasonOf(error)}`, error);
  }
  if (!isHostTopic.Check(topic)) throw unavailable('its answer is not a topic');
  return topic;
}

const unavailable = (reason: string, cause?: unknown): MdsError =>
  new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'The control plane', reason }, { cause });
