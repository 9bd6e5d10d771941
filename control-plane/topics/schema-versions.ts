// Versions of a topic's schema: list them, see what another one would change and break, and add it.

import type { Redis } from '../../platform/redis.ts';
import {
  SCHEMA_VERDICTS,
  type SchemaCheck,
  type SchemaVerdict,
  type SchemaVersion,
} from '../../schemas/api/topic-management.ts';
import { type AvroRecord, eventSchemaOf } from '../../schemas/avro/avro-type.ts';
import { parseAvroSchema } from '../../schemas/avro/parse.ts';
import type { RedisKeys } from '../../schemas/coordination.ts';
import { MdsError, reasonOf } from '../../schemas/errors.ts';
import { makePlan } from '../../schemas/plan/plan.ts';
import type { Queryable } from '../store/queryable.ts';
import { allRoutes } from '../store/routes.ts';
import { allSubscriptions } from '../store/subscriptions.ts';
import { markEvolved, type ReadyTopic } from '../store/topics.ts';
import { batchSchemaOf, checkEventSchema, type SchemaJson } from './batch-schema.ts';
import { brokenFilters, type FilterInUse, liveFilters, MAX_FILTERS } from './filters-in-use.ts';
import type { TopicSchemas } from './ports.ts';
import { schemaDifferences } from './schema-differences.ts';
import { batchSubjectOf, eventSubjectOf } from './topic-names.ts';
import type { TopicWork } from './topic-work.ts';

export interface SchemaVersionsParts {
  readonly db: Queryable;
  readonly redis: Redis;
  readonly keys: RedisKeys;
  readonly schemas: TopicSchemas;
  readonly work: Pick<TopicWork, 'registerVersion'>;
  readonly onChange: () => void;
}

export class SchemaVersions {
  readonly #parts: SchemaVersionsParts;

  constructor(parts: SchemaVersionsParts) {
    this.#parts = parts;
  }

  async list({ kafkaTopic, schemaId: current }: ReadyTopic): Promise<SchemaVersion[]> {
    const versions = await this.#parts.schemas.versions(eventSubjectOf(kafkaTopic));
    return versions.map(({ version, schemaId, schema }) => ({
      version,
      schemaId,
      isCurrent: schemaId === current,
      schema: JSON.parse(schema),
    }));
  }

  /** @throws MdsError `MDS_SCHEMA_INVALID`, `MDS_SCHEMA_NOT_RECORD` or `MDS_DEPENDENCY_UNAVAILABLE` */
  async check(topic: ReadyTopic, schema: SchemaJson): Promise<SchemaCheck> {
    checkEventSchema(schema);
    const [older, newer] = [recordOf(JSON.parse(topic.schemaJson)), recordOf(schema)];
    const differences = schemaDifferences(older, newer);
    const registryAccepts = await this.#registryAccepts(topic, schema);
    const { filters, problem } = await this.#filtersOf(topic, older);
    const broken = brokenFilters(filters, older, newer);
    const canBeAdded = registryAccepts && differences.every(({ breaks }) => !breaks);
    const verdict = verdictOf(differences.length === 0, canBeAdded, broken.length > 0);
    return {
      verdict,
      explanation: problem === null ? SCHEMA_VERDICTS[verdict] : `${SCHEMA_VERDICTS[verdict]} ${problem}`,
      registryAccepts,
      differences,
      brokenFilters: broken,
      filtersTried: filters.length,
      isComplete: problem === null,
    };
  }

  /**
   * Checks and adds it; the topic's filters are checked against it from then on.
   *
   * @throws MdsError `MDS_SCHEMA_INCOMPATIBLE` or `MDS_SCHEMA_BREAKS_FILTERS`, with the whole check in `details.check`
   */
  async add(topic: ReadyTopic, schema: SchemaJson, acceptBrokenFilters: boolean): Promise<SchemaCheck> {
    const { db, work, onChange } = this.#parts;
    const check = await this.check(topic, schema);
    const subject = eventSubjectOf(topic.kafkaTopic);
    if (check.verdict === 'incompatible') {
      const breaking = check.differences.filter(({ breaks }) => breaks).map(({ explanation }) => explanation);
      const reason = breaking.length === 0 ? 'the schema registry says so' : breaking.join(' ').replace(/\.$/, '');
      throw new MdsError('MDS_SCHEMA_INCOMPATIBLE', { subject, reason, check });
    }
    if (check.verdict === 'breaksFilters' && !acceptBrokenFilters) {
      const { length: count } = check.brokenFilters;
      throw new MdsError('MDS_SCHEMA_BREAKS_FILTERS', { topic: topic.name, count, check });
    }
    const { schemaId, batchSchemaId } = await work.registerVersion(topic.kafkaTopic, schema);
    await markEvolved(db, topic.topicId, { schemaJson: JSON.stringify(schema), schemaId, batchSchemaId });
    onChange();
    return check;
  }

  async #registryAccepts({ kafkaTopic }: ReadyTopic, schema: SchemaJson): Promise<boolean> {
    const { schemas } = this.#parts;
    const [events, batches] = await Promise.all([
      schemas.checkCompatibility(eventSubjectOf(kafkaTopic), JSON.stringify(schema)),
      schemas.checkCompatibility(batchSubjectOf(kafkaTopic), JSON.stringify(batchSchemaOf(schema))),
    ]);
    return events && batches;
  }

  async #filtersOf({ topicId }: ReadyTopic, older: AvroRecord) {
    const { db, redis, keys } = this.#parts;
    const [subscriptions, routes] = await Promise.all([allSubscriptions(db), allRoutes(db)]);
    const stored: FilterInUse[] = [
      ...subscriptions
        .filter((row) => row.topicId === topicId)
        .map(({ name, filter, fields, groupKey: key }) => ({ of: 'subscription', name, filter, fields, key }) as const),
      ...routes
        .filter((row) => row.topicId === topicId)
        .map(({ name, filter }) => ({ of: 'route', name, filter, fields: null, key: null }) as const),
    ];
    const known = new Set(stored.map((one) => meaningOf(one, older)));
    try {
      // Consumers of a durable subscription are connected too: it is named once, by its own name.
      const live = (await liveFilters(redis, keys, topicId)).filter((one) => !known.has(meaningOf(one, older)));
      const filters = [...stored, ...live];
      const isTooMuch = filters.length > MAX_FILTERS;
      const problem = isTooMuch ? `Only ${MAX_FILTERS} of ${filters.length} filters were tried.` : null;
      return { filters: filters.slice(0, MAX_FILTERS), problem };
    } catch (error) {
      return { filters: stored, problem: `Filters of clients that are connected are not known: ${reasonOf(error)}.` };
    }
  }
}

function verdictOf(isSame: boolean, canBeAdded: boolean, breaksFilters: boolean): SchemaVerdict {
  if (isSame) return 'identical';
  if (!canBeAdded) return 'incompatible';
  return breaksFilters ? 'breaksFilters' : 'compatible';
}

/** Equal for filters that do the same; a filter that is refused stands for itself. */
function meaningOf({ filter, fields }: FilterInUse, schema: AvroRecord): string {
  try {
    const plan = makePlan({ filter, fields: fields ?? [] }, schema);
    return JSON.stringify([plan.filter, plan.fields]);
  } catch (error) {
    if (error instanceof MdsError) return JSON.stringify([filter, fields]);
    throw error;
  }
}

function recordOf(schema: SchemaJson): AvroRecord {
  const parsed = parseAvroSchema(schema);
  if (parsed.kind !== 'record') throw new MdsError('MDS_SCHEMA_NOT_RECORD', { found: `of type ${parsed.kind}` });
  return eventSchemaOf(parsed);
}
