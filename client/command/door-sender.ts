// Sends Avro records to an ingest door instead of to Kafka: for whoever has a key that may publish, and no way to Kafka.

import { MdsError, reasonOf } from '../../schemas/errors.ts';
import type { IngestAnswer } from '../../schemas/ingest.ts';
import { mdsErrorOf } from '../library/error-frame.ts';
import type { Fetch } from '../library/runtime.ts';

/** Where a RecordWriter's records go. */
export interface RecordSender {
  /** Resolves when there is room for one more. */
  room(): Promise<unknown>;
  /** @param partition null: by the key @returns when Kafka has it */
  produce(kafkaTopic: string, partition: null, record: Uint8Array, key: string | null): Promise<unknown>;
  disconnect(): Promise<void>;
}

/** Of 64 KiB each: enough to hide the way there and back. */
const MAX_IN_FLIGHT = 8;
/** A door waits for Kafka as long as 25 s. */
const TIMEOUT_MS = 40_000;

export class DoorSender implements RecordSender {
  readonly #url: string;
  readonly #fetch: Fetch;
  readonly #inFlight = new Set<Promise<unknown>>();

  /** @param door its base URL @param topic by name, as the key's tenant has it @throws MdsError `MDS_CONFIG_INVALID` */
  constructor(door: string, topic: string, fetch: Fetch) {
    if (!/^https?:\/\//.test(door) || !URL.canParse(door)) {
      const problems = [`--door must be an http:// or https:// URL, not ${door}`];
      throw new MdsError('MDS_CONFIG_INVALID', { problems });
    }
    this.#url = `${door.replace(/\/+$/, '')}/v1/topics/${encodeURIComponent(topic)}/events`;
    this.#fetch = fetch;
  }

  async room(): Promise<void> {
    while (this.#inFlight.size >= MAX_IN_FLIGHT) await Promise.race(this.#inFlight);
  }

  /** The door chooses the partition. @throws MdsError what the door says, or `MDS_DEPENDENCY_UNAVAILABLE` */
  produce(_kafkaTopic: string, _partition: null, record: Uint8Array): Promise<void> {
    const sent = this.#send(record);
    const settled = sent.then(
      () => undefined,
      () => undefined, // the caller has `sent`
    );
    this.#inFlight.add(settled);
    void settled.then(() => this.#inFlight.delete(settled));
    return sent;
  }

  async disconnect(): Promise<void> {
    await Promise.all(this.#inFlight);
  }

  async #send(record: Uint8Array): Promise<void> {
    let response: Response;
    let text: string;
    try {
      response = await this.#fetch(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/vnd.mds.avro', prefer: 'return=minimal' },
        body: Buffer.from(record),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      text = await response.text();
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      throw this.#unavailable(reasonOf(cause));
    }
    const answer = jsonOf(text);
    if (response.ok && isAnswer(answer)) refuseBad(answer);
    else if (typeof answer?.code === 'string')
      throw mdsErrorOf(answer.code, String(answer.detail ?? answer.code), answer);
    else throw this.#unavailable(`it answered HTTP ${response.status}`);
  }

  #unavailable(reason: string): MdsError {
    return new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: `The ingest door at ${this.#url}`, reason });
  }
}

/** With `return=minimal` there is nothing else. */
function refuseBad({ results, failed }: IngestAnswer): void {
  const bad = results.find(({ status }) => status === 'rejected' || status === 'failed');
  if (bad === undefined || !('detail' in bad)) return;
  const reason = `${bad.detail} [${bad.code}]`;
  if (failed > 0) throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'Kafka, behind the door,', reason });
  throw new MdsError('MDS_EVENT_INVALID', {
    index: `${bad.index} of a record`,
    path: 'path' in bad ? bad.path : '$',
    reason,
  });
}

function jsonOf(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : null;
  } catch {
    return null; // no door answers so
  }
}

const isAnswer = (answer: unknown): answer is IngestAnswer =>
  typeof answer === 'object' && answer !== null && 'results' in answer && Array.isArray(answer.results);
