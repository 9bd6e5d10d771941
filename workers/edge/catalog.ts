// The edge's copy of the topic catalog, and the plans made against it. The last good copy is kept: an empty or unreadable
// catalog is a Redis that was restarted, not a service without topics.

import { type AvroRecord, eventSchemaOf } from '../../schemas/avro/avro-type.ts';
import { parseAvroSchema } from '../../schemas/avro/parse.ts';
import { CatalogTopic, readMessage } from '../../schemas/coordination.ts';
import { MdsError } from '../../schemas/errors.ts';
import type { SubscribeMessage } from '../../schemas/frames.ts';
import { nearestName } from '../../schemas/nearest-name.ts';
import { channelIdOf, makePlan, type PlanFormat } from '../../schemas/plan/plan.ts';
import type { ChannelPlan, TopicSource } from './delivery.ts';

/** The only tenant there is while clients are not authenticated. */
const TENANT = 'default';
/** Plans remembered for equal requests; a wave of reconnecting clients asks for the same few again and again. */
const MAX_CACHED_PLANS = 4096;

export class Catalog implements TopicSource {
  #topics: ReadonlyMap<number, CatalogTopic> = new Map();
  /** By schema text: it is the same text for as long as the schema is the same. */
  readonly #schemas = new Map<string, AvroRecord>();
  readonly #plans = new Map<string, ChannelPlan>();

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
    this.#schemas.clear();
    this.#plans.clear();
    return true;
  }

  /** No topic at all is a catalog that was not read yet: nobody who comes back with a token may be sent away over it. */
  topicNamed(name: string): CatalogTopic {
    if (this.#topics.size === 0) {
      const reason = 'Redis holds no topic yet';
      throw new MdsError('MDS_DEPENDENCY_UNAVAILABLE', { dependency: 'The topic catalog', reason });
    }
    const names: string[] = [];
    for (const topic of this.#topics.values()) {
      if (topic.tenant !== TENANT) continue;
      if (topic.name === name) return topic;
      names.push(topic.name);
    }
    const didYouMean = nearestName(name, names);
    const hint = didYouMean === undefined ? '' : ` (did you mean ${didYouMean}?)`;
    throw new MdsError('MDS_TOPIC_UNKNOWN', { topic: name, hint, ...(didYouMean === undefined ? {} : { didYouMean }) });
  }

  planFor(
    topic: CatalogTopic,
    { filter = '', fields }: Pick<SubscribeMessage, 'filter' | 'fields'>,
    format: PlanFormat,
  ): ChannelPlan {
    const key = `${topic.topicId} ${format} ${fields === undefined ? '' : JSON.stringify(fields)} ${filter}`;
    const cached = this.#plans.get(key);
    if (cached) {
      // The oldest entry is the one that was asked for longest ago.
      this.#plans.delete(key);
      this.#plans.set(key, cached);
      return cached;
    }
    const plan = makePlan({ filter, fields, format }, this.schemaOf(topic));
    const made = { plan, channel: channelIdOf(topic.topicId, plan) };
    if (this.#plans.size >= MAX_CACHED_PLANS) {
      for (const [oldest] of this.#plans) {
        this.#plans.delete(oldest);
        break;
      }
    }
    this.#plans.set(key, made);
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
