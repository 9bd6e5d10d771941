// What a client reads: the topic it named, as its tenant has it, and the plan of what it asked for together with what its
// grants demand. The demanded part is planned, never shown.

import type { CatalogTopic } from '../../schemas/coordination.ts';
import { MdsError } from '../../schemas/errors.ts';
import type { SubscribeMessage } from '../../schemas/frames.ts';
import { type Identity, isAdmin, mayDo } from '../../schemas/identity/identity.ts';
import { readingFilter } from '../../schemas/identity/reading-filter.ts';
import type { PlanFormat } from '../../schemas/plan/plan.ts';
import type { ChannelPlan, TopicSource } from './delivery-options.ts';

export type AskedReading = Pick<SubscribeMessage, 'topic' | 'filter' | 'fields'>;

export interface Reading {
  readonly topic: CatalogTopic;
  /** Of what may be read. */
  readonly plan: ChannelPlan;
  /** What was asked for, in canonical form: all that its client is told. */
  readonly filter: string;
}

/** @throws MdsError `MDS_FORBIDDEN`, `MDS_TOPIC_UNKNOWN`, `MDS_FILTER_…` or `MDS_PROJECTION_…` */
export function readingOf(
  topics: TopicSource,
  identity: Identity,
  { topic: name, filter, fields }: AskedReading,
  format: PlanFormat,
): Reading {
  const isShown = (shown: string): boolean => mayDo(identity, 'subscribe', shown);
  if (!isShown(name)) throw forbidden(name);
  const topic = topics.topicNamed(identity.tenant, name, isShown);
  // By itself first: what is not a whole expression could reach around what is put beside it.
  const asked = topics.planFor(topic, { ...(filter === undefined ? {} : { filter }), ...pick(fields) }, format);
  const plan = restricted(topics, identity, topic, asked, format);
  return { topic, plan, filter: asked.plan.filter };
}

/**
 * @param reading as it was planned, possibly for somebody else
 * @throws MdsError `MDS_GRANTS_CHANGED` when the identity reads something else; what `readingOf` throws when it reads nothing
 */
export function assertReadsStill(topics: TopicSource, identity: Identity, { topic, plan, filter }: Reading): void {
  const { fields, format } = plan.plan;
  const asked = { topic: topic.name, filter, ...pick(fields ?? undefined) };
  const now = readingOf(topics, identity, asked, format);
  if (now.plan.channel !== plan.channel) throw new MdsError('MDS_GRANTS_CHANGED', { topic: topic.name });
}

function restricted(
  topics: TopicSource,
  identity: Identity,
  topic: CatalogTopic,
  asked: ChannelPlan,
  format: PlanFormat,
): ChannelPlan {
  if (isAdmin(identity)) return asked;
  const filter = readingFilter(identity, topic.name, asked.plan.filter, topics.schemaOf(topic));
  if (filter === asked.plan.filter) return asked;
  return topics.planFor(topic, { filter, ...pick(asked.plan.fields ?? undefined) }, format);
}

const pick = (fields: readonly string[] | undefined): { readonly fields?: readonly string[] } =>
  fields === undefined ? {} : { fields };

const forbidden = (topic: string): MdsError => new MdsError('MDS_FORBIDDEN', { action: 'subscribe', topic });
