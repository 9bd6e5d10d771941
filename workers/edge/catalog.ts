// The edge's copy of the topic catalog, and the plans made against it. The last good copy is kept: an empty or unreadable
// catalog is a Redis that was restarted, not a service without topics.

import { type AvroRecord, eventSchemaOf } from '../../schemas/avro/avro-type.ts';
import { parseAvroSchema } from '../../schemas/avro/parse.ts';
import { CatalogTopic, readMessage } from '../../schemas/coordination.ts';
import { MdsError } from '../../schemas/errors.ts';
import type { SubscribeMessage } from '../../schemas/frames.ts';
import { nearestName } from '../../schemas/nearest-name.ts';
import { channelIdOf, makeCostedPlan, type PlanFormat } from '../../schemas/plan/plan.ts';
import type { ChannelPlan, TopicSource } from './delivery.ts';
import { PlanCache } from './plan-cache.ts';

export class Catalog implements TopicSource {
  #topics: ReadonlyMap<number, CatalogTopic> = new Map();
  /** By tenant, then by name. */
  #byName: ReadonlyMap<string, ReadonlyMap<string, CatalogTopic>> = new Map();
  /** By schema text: it is the same text for as long as the schema is the same. */
  readonly #schemas = new Map<string, AvroRecord>();
  readonly #plans = new PlanCache();

  get topics(): ReadonlyMap<number, CatalogTopic> {
    return this.#topics;
  }

  /**
   * @param fields the Redis hash: topic id → CatalogTopic as JSON
   * @returns true when something changed
   * @throws MdsError `MDS_COORDINATION_CORRUPT`; the copy stays as it was
   */
  update(fields: Readonly<Record<string, string>>): boolean {
    const texts = Object.values(fields);
    if (texts.length === 0) return false;
    const topics = new Map<number, CatalogTopic>();
    for (const text of texts) {
      const topic = readMessage(CatalogTopic, text);
      topics.set(topic.topicId, topic);
    }
    if (JSON.stringify([...topics]) === JSON.stringify([...this.#topics])) return false;
    this.#topics = topics;
    this.#byName = byName(topics.values());
    this.#schemas.clear();
    this.#plans.clear();
    return true;
  }

  /** No topic at all is a catalog that was not read yet: nobody who comes back with a token may be sent away over it. */
  topicNamed(tenant: string, name: string, isShown: (name: string) => boolean = () => true): CatalogTopic {
    if (this.#topics.size === 0) {
      const reason = 'Redis holds no topic yet';
      throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'The topic catalog', reason });
    }
    const topics = this.#byName.get(tenant);
    const topic = topics?.get(name);
    if (topic) return topic;
    const didYouMean = nearestName(name, [...(topics?.keys() ?? [])].filter(isShown));
    const hint = didYouMean === undefined ? '' : ` (did you mean ${didYouMean}?)`;
    throw new MdsError('MDS_TOPIC_UNKNOWN', { topic: name, hint, ...(didYouMean === undefined ? {} : { didYouMean }) });
  }

  planFor(
    topic: CatalogTopic,
    { filter = '', fields }: Pick<SubscribeMessage, 'filter' | 'fields'>,
    format: PlanFormat,
  ): ChannelPlan {
    const { tenant, topicId } = topic;
    const key = `${topicId} ${format} ${fields === undefined ? '' : JSON.stringify(fields)} ${filter}`;
    const cached = this.#plans.get(tenant, key);
    if (cached) return cached;
    const { plan, cost } = makeCostedPlan({ filter, fields, format }, this.schemaOf(topic));
    const made = { plan, channel: channelIdOf(topicId, plan), cost };
    this.#plans.set(tenant, key, made);
    return made;
  }

  /** The record that one event of the topic is. */
  schemaOf({ schema: text }: CatalogTopic): AvroRecord {
    let schema = this.#schemas.get(text);
    if (!schema) {
      const parsed = parseAvroSchema(JSON.parse(text));
      if (parsed.kind !== 'record') throw new MdsError('MDS_SCHEMA_NOT_RECORD', { found: parsed.kind });
      schema = eventSchemaOf(parsed);
      this.#schemas.set(text, schema);
    }
    return schema;
  }
}

function byName(topics: Iterable<CatalogTopic>): ReadonlyMap<string, ReadonlyMap<string, CatalogTopic>> {
  const tenants = new Map<string, Map<string, CatalogTopic>>();
  for (const topic of topics) {
    const names = tenants.get(topic.tenant) ?? new Map<string, CatalogTopic>();
    names.set(topic.name, topic);
    tenants.set(topic.tenant, names);
  }
  return tenants;
}
