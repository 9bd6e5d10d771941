// /v1/topics/{name}/rollup: what the aggregates of a topic are made of. They themselves are answered by query processes.

import { Type } from 'typebox';
import { GRANT } from '../../../platform/http-door/access.ts';
import { RollupState } from '../../../schemas/api/data.ts';
import { TopicName } from '../../../schemas/api/topic.ts';
import { eventSchemaOf } from '../../../schemas/avro/avro-type.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';
import { MdsError } from '../../../schemas/errors.ts';
import { checkDefinition, RollupDefinition } from '../../../schemas/rollup/definition.ts';
import { MINUTE_MICROS } from '../../../schemas/rollup/series-block.ts';
import type { Queryable } from '../../store/queryable.ts';
import { findRollup, type RollupRow, type RollupStateRow, replaceRollup, rollupStates } from '../../store/rollups.ts';
import type { ReadyTopic } from '../../store/topics.ts';
import type { TopicService } from '../../topics/topic-service.ts';
import { type App, problemsOf } from '../app.ts';

const tags = ['topics'];
const ByName = Type.Object({ name: TopicName });
const MANAGED = GRANT('manage', { param: 'name' });
const MINUTE_MS = 60_000;

export function rollupRoutes(app: App, db: Queryable, topics: Pick<TopicService, 'find'>): void {
  app.get(
    '/v1/topics/:name/rollup',
    {
      config: { access: MANAGED },
      schema: {
        tags,
        summary: 'What the rollup of a topic keeps, and how far it has counted',
        description: 'Counts of all events, also of those that a row filter hides: for whoever may manage the topic.',
        params: ByName,
        response: { 200: RollupState, ...problemsOf('MDS_TOPIC_UNKNOWN', 'MDS_ROLLUP_NOT_READY') },
      },
    },
    async ({ params, identity }) => stateOf(db, await topics.find(identity.tenant, params.name)),
  );

  app.put(
    '/v1/topics/:name/rollup',
    {
      config: { access: MANAGED, audit: { action: 'choose', kind: 'rollup', id: { param: 'name' } } },
      schema: {
        tags,
        summary: 'Choose which fields and labels form the series of a topic',
        description: 'The new rollup begins at the first record that Kafka holds; the aggregates of the one before go.',
        params: ByName,
        body: RollupDefinition,
        response: {
          200: RollupState,
          ...problemsOf('MDS_TOPIC_UNKNOWN', 'MDS_ROLLUP_INVALID', 'MDS_ROLLUP_NOT_READY'),
        },
      },
    },
    async ({ params, body, identity, change }) => {
      const topic = await topics.find(identity.tenant, params.name);
      checkDefinition(body, recordOf(topic));
      await change.commit(
        (transaction) => replaceRollup(transaction, topic.topicId, body),
        ({ before, isChanged }) => (isChanged ? { id: topic.name, before, after: body } : null),
      );
      return stateOf(db, topic);
    },
  );
}

function recordOf({ schemaJson }: ReadyTopic) {
  const parsed = parseAvroSchema(schemaJson);
  if (parsed.kind !== 'record') throw new MdsError('MDS_SCHEMA_NOT_RECORD', { found: parsed.kind });
  return eventSchemaOf(parsed);
}

async function stateOf(db: Queryable, topic: ReadyTopic): Promise<RollupState> {
  const rollup = await findRollup(db, topic.topicId);
  if (!rollup) throw new MdsError('MDS_ROLLUP_NOT_READY', { topic: topic.name });
  return shown(topic.name, rollup, await rollupStates(db, rollup.rollupId));
}

function shown(topic: string, rollup: RollupRow, states: readonly RollupStateRow[]): RollupState {
  const { definition, isChosen, series } = rollup;
  const sum = (of: (row: RollupStateRow) => number): number => states.reduce((total, row) => total + of(row), 0);
  const newest = Math.max(0, ...states.map(({ newestMicros }) => newestMicros));
  return {
    topic,
    definition,
    isChosen,
    series,
    events: sum(({ events }) => events),
    lateEvents: sum(({ late }) => late),
    aheadEvents: sum(({ ahead }) => ahead),
    unreadableRecords: sum(({ unreadable }) => unreadable),
    newestEvent: newest < MINUTE_MICROS ? null : new Date(Math.floor(newest / 1000)).toISOString(),
    partitions: states.map(({ partition, nextOffset, closedMinute }) => ({
      partition,
      nextOffset,
      closedUntil: closedMinute === 0 ? null : new Date((closedMinute + 1) * MINUTE_MS).toISOString(),
    })),
  };
}
