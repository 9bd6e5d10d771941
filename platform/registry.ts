// The schema registry, through Confluent's client. An id's schema never changes, so it is asked for once; that an id is
// unknown may change at any time, so that answer is remembered only briefly.

// From its files and not from its index: that one also loads serialisers, rules and the clients of four key management
// services, 1.5 s of CPU at every start (1.8 s against 0.3 s).
import { RestError } from '@confluentinc/schemaregistry/dist/rest-error.js';
import {
  Compatibility as ConfluentCompatibility,
  SchemaRegistryClient,
} from '@confluentinc/schemaregistry/dist/schemaregistry-client.js';
import { MdsError, reasonOf } from '../schemas/errors.ts';

/** 3 s: the registry answers in milliseconds; whoever waits has paused a partition or keeps a REST caller waiting. */
const REQUEST_TIMEOUT_MS = 3000;
/** 10,000 schemas of some kilobytes: far more than topics exist, and still little memory. */
const CACHE_CAPACITY = 10_000;
/** 1 s: a flood of records with a wrong id costs one request a second, and a late registration is soon seen. */
const UNKNOWN_REMEMBERED_MS = 1000;
/** More different wrong ids a second are garbage, not schemas; they are simply asked for again. */
const MAX_REMEMBERED_UNKNOWN = 100;

/** More versions than anybody reads. */
const MAX_VERSIONS = 100;

export type Compatibility = keyof typeof ConfluentCompatibility;

export interface RegisteredSchema {
  readonly schemaId: number;
  readonly version: number;
  /** Avro JSON. */
  readonly schema: string;
}

export interface SchemaRegistry {
  /** @returns the schema as Avro JSON, or `'unknown'` when the registry has none with this id */
  getSchemaById(schemaId: number): Promise<{ readonly schema: string } | 'unknown'>;
  /**
   * Registers a schema, or finds the id it already has.
   *
   * @throws MdsError `MDS_SCHEMA_INCOMPATIBLE` or `MDS_SCHEMA_INVALID`
   */
  register(subject: string, schema: string): Promise<number>;
  /**
   * Whether the schema may become the subject's next version; true for a subject without any.
   *
   * @throws MdsError `MDS_SCHEMA_INVALID`
   */
  checkCompatibility(subject: string, schema: string): Promise<boolean>;
  setCompatibility(subject: string, level: Compatibility): Promise<void>;
  /** Subjects of which some version is this schema; none when the registry does not know it. */
  subjectsOf(schemaId: number): Promise<string[]>;
  /** The subject's newest version, null when it has none. */
  latest(subject: string): Promise<RegisteredSchema | null>;
  /** All versions, the oldest first; of very many the newest 100. */
  versions(subject: string): Promise<readonly RegisteredSchema[]>;
  /** Deletes all versions; records that carry their ids can still be read. */
  deleteSubject(subject: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * Every call may throw MdsError `MDS_DEPENDENCY_UNAVAILABLE` (retryable): the registry is away or answers with a 5xx.
 *
 * @param url the Confluent API, for Apicurio `http://host:port/apis/ccompat/v7`
 */
export function createRegistry(url: string): SchemaRegistry {
  const client = new SchemaRegistryClient({
    baseURLs: [url.replace(/\/+$/, '')],
    cacheCapacity: CACHE_CAPACITY,
    // 1 s: `latest` must not hide for long what another process registered.
    cacheLatestTtlSecs: 1,
    maxRetries: 1,
    retriesWaitMs: 50,
    retriesMaxWaitMs: 200,
    // Never through a proxy that the environment names: the registry stands beside the processes.
    createAxiosDefaults: { timeout: REQUEST_TIMEOUT_MS, proxy: false },
  });
  const unknownUntilMs = new Map<number, number>();

  const getSchemaById = async (schemaId: number): Promise<{ readonly schema: string } | 'unknown'> => {
    const nowMs = performance.now();
    if ((unknownUntilMs.get(schemaId) ?? 0) > nowMs) return 'unknown';
    const found = await orUndefined(() => client.getBySubjectAndId('', schemaId));
    if (found) return { schema: found.schema };
    if (unknownUntilMs.size >= MAX_REMEMBERED_UNKNOWN) unknownUntilMs.clear();
    unknownUntilMs.set(schemaId, nowMs + UNKNOWN_REMEMBERED_MS);
    return 'unknown';
  };

  return {
    getSchemaById,
    register: (subject, schema) => register(client, subject, schema),
    checkCompatibility: async (subject, schema) =>
      (await orInvalid(() => orUndefined(() => client.testSubjectCompatibility(subject, avro(schema))))) ?? true,
    setCompatibility: async (subject, level) => {
      await orUnavailable(() => client.updateCompatibility(subject, ConfluentCompatibility[level]));
    },
    latest: async (subject) => {
      const latest = await orUndefined(() => client.getLatestSchemaMetadata(subject));
      if (latest?.id === undefined) return null;
      return { schemaId: latest.id, version: latest.version ?? 1, schema: latest.schema };
    },
    versions: async (subject) => {
      const numbers = (await orUndefined(() => client.getAllVersions(subject))) ?? [];
      const newest = numbers.toSorted((a, b) => a - b).slice(-MAX_VERSIONS);
      return Promise.all(
        newest.map(async (version) => {
          const found = await orUnavailable(() => client.getSchemaMetadata(subject, version));
          return { schemaId: found.id ?? 0, version, schema: found.schema };
        }),
      );
    },
    subjectsOf: (schemaId) => orUnavailable(() => subjectsOf(url.replace(/\/+$/, ''), schemaId)),
    deleteSubject: async (subject) => {
      await orUndefined(() => client.deleteSubject(subject));
      client.clearCaches(); // or a subject of the same name would seem registered when it is created again
    },
    close: () => client.close(),
  };
}

/** The client has no method for it. */
async function subjectsOf(url: string, schemaId: number): Promise<string[]> {
  const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  const response = await fetch(`${url}/schemas/ids/${schemaId}/versions`, { signal });
  const answer: unknown = await response.json();
  if (response.status === 404) return [];
  if (!response.ok || !Array.isArray(answer)) throw new Error(`it answered with HTTP ${response.status}`);
  return answer.map(({ subject }) => String(subject));
}

async function register(client: SchemaRegistryClient, subject: string, schema: string): Promise<number> {
  try {
    return await orInvalid(() => orUnavailable(() => client.register(subject, avro(schema))));
  } catch (error) {
    if (!(error instanceof RestError)) throw error;
    if (error.status === 409) {
      // Also the answer to the slower one of two processes that register a subject's first schema at the same moment.
      const schemaId = await orUndefined(() => client.getId(subject, avro(schema)));
      if (schemaId !== undefined) return schemaId;
      throw new MdsError('MDS_SCHEMA_INCOMPATIBLE', { subject, reason: error.message }, { cause: error });
    }
    throw error;
  }
}

/** The registry's Avro library refuses a few schemas that ours reads: with names that are no Unicode, for one. */
async function orInvalid<Result>(call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof RestError) || error.status !== 422) throw error;
    throw new MdsError('MDS_SCHEMA_INVALID', { reason: error.message }, { cause: error });
  }
}

const avro = (schema: string) => ({ schema, schemaType: 'AVRO' });

/** 404 becomes undefined. */
async function orUndefined<Result>(call: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await orUnavailable(call);
  } catch (error) {
    if (error instanceof RestError && error.status === 404) return undefined;
    throw error;
  }
}

/** A refusal (4xx) stays a RestError; no answer, or a 5xx, is an unavailable registry. */
async function orUnavailable<Result>(call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof RestError && error.status < 500) throw error;
    const details = { dependency: 'The schema registry', reason: reasonOf(error) };
    throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', details, { cause: error });
  }
}
