// How a client is made: where the edges are, how it reconnects, how events travel; and what it tells of its state.

import { MdsError } from '../../schemas/errors.ts';
import { AvroDecoding, type AvroOptions } from './avro-decoding.ts';
import type { Backoff } from './backoff.ts';
import type { EventFormat } from './connection.ts';
import type { Credential } from './credential.ts';
import type { EdgeSource } from './edge-directory.ts';
import { readWriterSchema } from './rest.ts';
import type { Fetch, Runtime } from './runtime.ts';

export type ClientState =
  | { readonly state: 'connecting'; readonly url: string | null }
  | { readonly state: 'open'; readonly url: string; readonly edge: string; readonly connection: string }
  | { readonly state: 'waiting'; readonly retryInMs: number; readonly error: MdsError }
  | { readonly state: 'closed'; readonly error: MdsError | null };

export interface ConnectOptions {
  /** One edge: ws:// or wss://. */
  readonly url?: string;
  /** Several edges, to spread over and fall back to. */
  readonly urls?: readonly string[];
  /** Base URL of the control plane, which is asked for the running edges. */
  readonly api?: string;
  readonly reconnect?: Partial<Backoff> & {
    /** Attempts in a row without a welcome after which the client gives up; default: never. */
    readonly maxAttempts?: number;
  };
  /**
   * How events travel; `json` by default. With `avro`, the data of an event is what its producer wrote, an `AvroDatum`,
   * unless `avro` says how to decode it.
   */
  readonly format?: EventFormat;
  readonly avro?: AvroOptions;
  /**
   * Who the client is: an API key or a token, for edges and, with `api`, for the control plane. A function is asked before
   * each connect, and again before what it gave expires, which the service learns on the same connection.
   */
  readonly credential?: Credential | undefined;
  /** The credential could not be renewed; the connection stays as long as the present one is valid, and it is tried again. */
  readonly onCredentialError?: (error: MdsError) => void;
  readonly onStateChange?: (state: ClientState) => void;
  /** Other parts to run on: another WebSocket, clock, randomness or fetch. */
  readonly runtime?: Partial<Runtime>;
}

/** @throws MdsError `MDS_REQUEST_INVALID` */
export function decodingOf({ format, avro, api }: ConnectOptions, fetch: Fetch): AvroDecoding | null {
  if (avro === undefined) return null;
  const problems: string[] = [];
  if (format !== 'avro') problems.push('avro says how to decode, and format is not avro');
  const schemaOf = avro.schemaOf ?? (api === undefined ? undefined : schemasFrom(api, fetch));
  if (schemaOf === undefined) problems.push('avro needs either api or schemaOf, to get schemas from');
  if (problems.length > 0 || schemaOf === undefined) throw new MdsError('MDS_REQUEST_INVALID', { problems });
  return new AvroDecoding(avro.decoder, schemaOf);
}

const schemasFrom = (api: string, fetch: Fetch) => async (schemaId: number) =>
  (await readWriterSchema(api, fetch, schemaId)).eventSchema;

/** @throws MdsError `MDS_REQUEST_INVALID` */
export function sourceOf({ url, urls, api }: ConnectOptions): EdgeSource {
  const edges = [...(url === undefined ? [] : [url]), ...(urls ?? [])];
  if (edges.length > 0 === (api !== undefined)) {
    throw new MdsError('MDS_REQUEST_INVALID', { problems: ['connect needs either url, urls or api'] });
  }
  for (const edge of edges) {
    if (!/^wss?:\/\//.test(edge) || !URL.canParse(edge)) {
      throw new MdsError('MDS_REQUEST_INVALID', { problems: [`${edge} is not a ws:// or wss:// URL`] });
    }
  }
  return api === undefined ? { urls: edges } : { api };
}
