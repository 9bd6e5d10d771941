// Answers "what became of this event for this subscription": the event and its clauses from Kafka, the subscription's state
// and trail from Redis, dead letters from Postgres.

import type { Redis } from '../../platform/redis.ts';
import { WHY_VERDICTS, type Why } from '../../schemas/api/why.ts';
import { type AvroRecord, eventSchemaOf } from '../../schemas/avro/avro-type.ts';
import { parseAvroSchema } from '../../schemas/avro/parse.ts';
import { readMessage } from '../../schemas/coordination.ts';
import { beforeRecord, END_OF_RECORD } from '../../schemas/cursor.ts';
import { type DurableDefinition, type DurableKeys, ShardState, TrailEntry } from '../../schemas/durable.ts';
import { MdsError } from '../../schemas/errors.ts';
import { clausesOf } from '../../schemas/plan/clauses.ts';
import { makePlan } from '../../schemas/plan/plan.ts';
import type { ReadyTopic } from '../store/topics.ts';
import type { KafkaTopics } from '../topics/ports.ts';
import type { EventSearch } from './event-search.ts';
import { concerns, type EventPlace, verdictOf } from './verdict.ts';

/** Trail entries looked through at once. */
const PAGE_ENTRIES = 1000;

export interface WhyReaderOptions {
  readonly search: Pick<EventSearch, 'search'>;
  readonly redis: Redis;
  readonly keys: DurableKeys;
  readonly kafka: Pick<KafkaTopics, 'endOffsets'>;
  /** Whether the event stands among the dead letters of the subscription. */
  readonly isDeadLetter: (subscriptionId: string, place: EventPlace) => Promise<boolean>;
}

interface EventFacts {
  /** Null: Kafka no longer has it. */
  readonly event: unknown;
  readonly matches: boolean | null;
  readonly clauses: Why['clauses'];
}

export class WhyReader {
  readonly #options: WhyReaderOptions;

  constructor(options: WhyReaderOptions) {
    this.#options = options;
  }

  /**
   * @param mandatory what every event that is shown must satisfy; one that does not is answered as one that is not there
   * @throws MdsError `MDS_NOT_FOUND` when the topic has no such event, `MDS_TIMEOUT`, or `MDS_DEPENDENCY_UNAVAILABLE`
   */
  async why(definition: DurableDefinition, topic: ReadyTopic, place: EventPlace, mandatory: string): Promise<Why> {
    const facts = await this.#eventFacts(definition, topic, place, mandatory);
    const [states, steps, isDeadLetter] = await Promise.all([
      this.#states(definition),
      this.#steps(definition.id, place),
      this.#options.isDeadLetter(definition.id, place),
    ]);
    const isThere = facts.event !== null;
    const { matches } = facts;
    const { verdict, attempts } = verdictOf({ place, definition, states, steps, isThere, matches, isDeadLetter });
    return {
      subscription: definition.id,
      name: definition.name,
      topic: topic.name,
      filter: definition.filter,
      cursor: { partition: place.partition, offset: place.offset, index: place.index },
      ...facts,
      verdict,
      explanation: WHY_VERDICTS[verdict],
      attempts,
      steps: steps.map(({ atMs, what, consumer, edgeId, shard, epoch, reason = null }) => {
        return { at: new Date(atMs).toISOString(), what, consumer, edgeId, shard, epoch, reason };
      }),
    };
  }

  /**
   * The first event with this id, wherever it is in the topic.
   *
   * @param reading makes of a filter the one to plan instead, which lets nothing through that may not be read
   * @throws MdsError `MDS_NOT_FOUND`, `MDS_REQUEST_INVALID` when the topic's events have no id, or as `why`
   */
  async placeOf(topic: ReadyTopic, eventId: string, reading: (filter: string) => string): Promise<EventPlace> {
    const record = recordOf(topic);
    if (!record.fields.some(({ name, type }) => name === 'id' && type.kind === 'string')) {
      const problem = `events of ${topic.name} have no text field id; give a cursor: PARTITION:OFFSET or PARTITION:OFFSET:INDEX`;
      throw new MdsError('MDS_REQUEST_INVALID', { problems: [problem] });
    }
    const filter = reading(`id == ${JSON.stringify(eventId)}`);
    const plan = makePlan({ filter, fields: ['id'] }, record);
    const ends = await this.#options.kafka.endOffsets(topic.kafkaTopic, topic.partitions);
    const ranges = [...ends].flatMap(([partition, end]) =>
      end === 0 ? [] : [{ partition, from: beforeRecord(0), to: { offset: end - 1, index: END_OF_RECORD } }],
    );
    const { found } = await this.#options.search.search(topic.topicId, [plan], ranges, (events) => events.length > 0);
    const [first] = found;
    if (!first) throw new MdsError('MDS_NOT_FOUND', { what: 'event', id: eventId });
    return { partition: first.partition, ...first.cursor };
  }

  async #eventFacts(
    definition: DurableDefinition,
    topic: ReadyTopic,
    place: EventPlace,
    mandatory: string,
  ): Promise<EventFacts> {
    const record = recordOf(topic);
    const clauses = clausesOf(definition.filter, record);
    const plans = [mandatory, definition.filter, ...clauses].map((filter) => makePlan({ filter }, record));
    const { partition, offset, index } = place;
    const unknown = new MdsError('MDS_NOT_FOUND', { what: 'event', id: `${partition}:${offset}:${index}` });
    const ends = await this.#options.kafka.endOffsets(topic.kafkaTopic, topic.partitions);
    if (offset >= (ends.get(partition) ?? 0)) throw unknown; // a worker would wait for it
    const from = index === 0 ? beforeRecord(offset) : { offset, index: index - 1 };
    const range = { partition, from, to: { offset, index } };
    const { found, hasExpired } = await this.#options.search.search(topic.topicId, plans, [range]);
    const matched = new Set(found.map(({ plan }) => plan));
    const whole = found.find(({ plan }) => plan === 0);
    if (!whole) {
      if (hasExpired && mandatory === '') return { event: null, matches: null, clauses: [] };
      throw unknown;
    }
    return {
      event: JSON.parse(whole.json),
      matches: matched.has(1),
      clauses: clauses.map((clause, i) => ({ clause, isTrue: matched.has(i + 2) })),
    };
  }

  async #states({ id, group }: DurableDefinition): Promise<(ShardState | null)[]> {
    const { redis, keys } = this.#options;
    const shards = Array.from({ length: group?.shards ?? 1 }, (_, shard) => shard);
    const texts = await Promise.all(shards.map((shard) => redis.hget(keys.shard(id, shard), 'state')));
    return texts.map((text) => (text === null ? null : readMessage(ShardState, text)));
  }

  /** @returns oldest first */
  async #steps(id: string, place: EventPlace): Promise<TrailEntry[]> {
    const { redis, keys } = this.#options;
    const steps: TrailEntry[] = [];
    for (let after = '-'; ; ) {
      const entries = await redis.xrange(keys.trail(id), after, '+', 'COUNT', PAGE_ENTRIES);
      for (const [, fields] of entries) {
        const entry = readMessage(TrailEntry, fields[1] ?? '');
        if (concerns(entry, place)) steps.push(entry);
      }
      const last = entries.at(-1);
      if (entries.length < PAGE_ENTRIES || !last) return steps;
      after = `(${last[0]}`;
    }
  }
}

function recordOf(topic: ReadyTopic): AvroRecord {
  const parsed = parseAvroSchema(topic.schemaJson);
  if (parsed.kind !== 'record') throw new MdsError('MDS_SCHEMA_NOT_RECORD', { found: parsed.kind });
  return eventSchemaOf(parsed);
}
