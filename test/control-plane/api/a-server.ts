// The REST API's server without any service behind it, unless a test gives it one; Kafka and registry are always played.

import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { QueryResult, QueryResultRow } from 'pg';
import pg from 'pg';
import type { Test } from 'tap';
import { buildServer, type ServerParts } from '../../../control-plane/api/server.ts';
import { ControlPlaneConfig } from '../../../control-plane/config.ts';
import { ConnectionDirectory } from '../../../control-plane/connections/connection-directory.ts';
import { createDeadLetterMetrics } from '../../../control-plane/dead-letters/dead-letter-metrics.ts';
import { DeadLetterService } from '../../../control-plane/dead-letters/dead-letter-service.ts';
import { LetterDecoding } from '../../../control-plane/dead-letters/letter-decoding.ts';
import { LetterRecords } from '../../../control-plane/dead-letters/letter-records.ts';
import { Redriver } from '../../../control-plane/dead-letters/redriver.ts';
import { IdentityServices } from '../../../control-plane/identity/identity-services.ts';
import { ConfigurationService } from '../../../control-plane/settings/configuration-service.ts';
import { StatusReader } from '../../../control-plane/status/status-reader.ts';
import type { Queryable } from '../../../control-plane/store/queryable.ts';
import { SchemaVersions } from '../../../control-plane/topics/schema-versions.ts';
import { TopicChanges } from '../../../control-plane/topics/topic-changes.ts';
import { TopicDescriber } from '../../../control-plane/topics/topic-describer.ts';
import { TopicService } from '../../../control-plane/topics/topic-service.ts';
import { TopicWork } from '../../../control-plane/topics/topic-work.ts';
import { loadConfig } from '../../../platform/config.ts';
import { Health } from '../../../platform/health.ts';
import { openAuthenticator } from '../../../platform/identity/authenticator.ts';
import { createLogger } from '../../../platform/log.ts';
import { ErrorBook } from '../../../platform/management/error-book.ts';
import { createMetrics } from '../../../platform/metrics.ts';
import { auditKeys } from '../../../schemas/audit.ts';
import { redisKeys } from '../../../schemas/coordination.ts';
import { durableKeys } from '../../../schemas/durable.ts';
import { managementKeys } from '../../../schemas/management.ts';
import { InMemoryKafka, InMemorySchemas, InMemoryTopicSettings } from '../stand-ins.ts';

const NOBODY = '127.0.0.1:1';

function someDeadLetters(db: Queryable, redis: Redis): DeadLetterService {
  const decoding = new LetterDecoding({ getSchemaById: async () => 'unknown' });
  const records = new LetterRecords({ read: async () => new Map() }, decoding);
  const metrics = createDeadLetterMetrics(createMetrics('control'));
  const producer = () => Promise.reject(new Error('nothing is produced here'));
  const redriver = new Redriver({ db, redis, keys: durableKeys('test'), records, producer, metrics });
  return new DeadLetterService({ db, records, decoding, redriver });
}

export async function aServer(t: Test, overrides: Partial<ServerParts> = {}) {
  const pool = new pg.Pool({ connectionString: `postgres://nobody@${NOBODY}/none` });
  const db: Queryable = overrides.db ?? pool;
  const nobody = new Redis(`redis://${NOBODY}`, { lazyConnect: true, enableOfflineQueue: false });
  const redis = overrides.redis ?? nobody;
  const keys = redisKeys('test');
  const known = { monitoringEvent: { type: 'record', name: 'E', fields: [] }, deadLetter: '{}' };
  const kafka = new InMemoryKafka();
  const schemas = new InMemorySchemas();
  const work = new TopicWork({ db, kafka, schemas, known });
  const settings = new InMemoryTopicSettings();
  const onChange = (): void => {};
  const app = await buildServer({
    db,
    transact: (transaction) => transaction(db),
    authenticator: openAuthenticator,
    limits: null,
    settings: loadConfig(ControlPlaneConfig, { MDS_AUTH: 'off', MDS_BODY_LIMIT_BYTES: '2000' }),
    redis,
    keys,
    redisPrefix: 'test',
    kafka,
    onChange: () => {},
    topicManagement: {
      changes: new TopicChanges({ kafka, settings, onChange }),
      describer: new TopicDescriber({ kafka, settings, schemas }),
      versions: new SchemaVersions({ db, redis, keys, schemas, work, onChange }),
    },
    topics: new TopicService({ db, work, known, onChange: () => {}, untilTold: async () => {} }),
    schemas: { getSchemaById: async () => 'unknown', subjectsOf: async () => [] },
    connections: new ConnectionDirectory({
      redis,
      keys,
      questions: { ask: () => Promise.reject(new Error('nobody asks edges here')) },
    }),
    deadLetters: someDeadLetters(db, redis),
    search: { search: () => Promise.reject(new Error('nobody searches here')) },
    explanations: { ask: () => Promise.reject(new Error('nobody explains here')) },
    configuration: new ConfigurationService({ db, redis, keys: managementKeys('test') }),
    errors: new ErrorBook('control'),
    healthWatch: { health: () => Promise.reject(new Error('nobody watches here')) },
    status: new StatusReader({ db, redis, keys, auditKeys: auditKeys('test'), version: '1.2.3' }),
    health: new Health(),
    metrics: createMetrics('control'),
    log: createLogger('control', 'silent'),
    version: '1.2.3',
    pageDir: join(t.testdirName, 'nowhere'),
    pageEdges: ['wss://edges.example.org'],
    identities: new IdentityServices({
      pool,
      redis,
      log: createLogger('control', 'silent'),
      config: { redisPrefix: 'test' },
      refresh: async () => {},
    }),
    ...overrides,
  });
  t.teardown(async () => {
    await app.close();
    await pool.end();
    nobody.disconnect();
  });
  return app;
}

/** Has nothing, and remembers what it was told. */
export function recordingDatabase() {
  const statements: { readonly text: string; readonly values: unknown[] }[] = [];
  return {
    statements,
    query: async <Row extends QueryResultRow>(text: string, values: unknown[] = []): Promise<QueryResult<Row>> => {
      statements.push({ text, values });
      return { rows: [], rowCount: 0, command: '', oid: 0, fields: [] };
    },
  };
}
