// Which channels of which topics are wanted by which lanes, and their plans compiled for each writer's schema that has
// been met. Nothing here knows about partitions.

import type { DecodedEvent } from '../../../schemas/avro/decoded-event.ts';
import { MdsError, reasonOf } from '../../../schemas/errors.ts';
import type { PlanCompiler } from './plan-compiler.ts';
import type { AddChannel } from './plan-delta.ts';
import type { WriterSchema } from './record-decoder.ts';

export interface Channel {
  readonly id: string;
  readonly topicId: number;
  readonly plan: unknown;
  /** Lane → generation of its interest. */
  readonly lanes: Map<string, number>;
}

export interface CompiledChannel {
  readonly channel: Channel;
  readonly matches: (event: DecodedEvent) => boolean;
  /** One object for all channels of the topic with the same projection: an event is transcoded once for each. */
  readonly projection: Projection;
}

export interface Projection {
  readonly project: (event: DecodedEvent) => Uint8Array;
}

/** All plans of a topic, for records of one writer's schema. */
export interface CompiledTopic {
  readonly channels: ReadonlyMap<string, CompiledChannel>;
  /** By channel: plans that do not compile for this schema. They match nothing in its records, and somebody must know. */
  readonly failures: ReadonlyMap<string, PlanFailure>;
}

interface SharedProjection extends Projection {
  readonly key: string;
  /** Channels that use it. */
  users: number;
}

interface GrowingTopic extends CompiledTopic {
  readonly schema: WriterSchema;
  readonly channels: Map<string, CompiledChannel & { readonly projection: SharedProjection }>;
  readonly failures: Map<string, PlanFailure>;
  readonly projections: Map<string, SharedProjection>;
}

export interface PlanFailure {
  readonly channel: string;
  readonly schemaId: number;
  readonly message: string;
}

interface Topic {
  readonly channels: Map<string, Channel>;
  readonly laneChannels: Map<string, Set<string>>;
  /** By writer's schema; follows the set of channels one by one. */
  readonly compiled: Map<number, GrowingTopic>;
}

export type AddOutcome = 'joined' | 'known';

export class PlanTable {
  readonly #compiler: PlanCompiler;
  readonly #topics = new Map<number, Topic>();
  /** Channel ids are hashes of topic and plan, so one id means one topic. */
  readonly #topicOfChannel = new Map<string, number>();

  constructor(compiler: PlanCompiler) {
    this.#compiler = compiler;
  }

  /** @returns `known` when the lane already has the channel in this generation */
  add({ lane, channel: id, generation, topicId, plan }: AddChannel): AddOutcome {
    const topic = this.#topicOf(topicId);
    let channel = topic.channels.get(id);
    if (!channel) {
      channel = { id, topicId, plan, lanes: new Map() };
      topic.channels.set(id, channel);
      for (const compiled of topic.compiled.values()) this.#compileInto(compiled, channel);
      this.#topicOfChannel.set(id, topicId);
    }
    if (channel.lanes.get(lane) === generation) return 'known';
    channel.lanes.set(lane, generation);
    const ofLane = topic.laneChannels.get(lane);
    if (ofLane) ofLane.add(id);
    else topic.laneChannels.set(lane, new Set([id]));
    return 'joined';
  }

  /** @returns the topic, and whether the lane has lost its last channel there; null when there was nothing to remove */
  remove(lane: string, id: string, generation: number): { topicId: number; wasLast: boolean } | null {
    const topicId = this.#topicOfChannel.get(id);
    const topic = topicId === undefined ? undefined : this.#topics.get(topicId);
    const channel = topic?.channels.get(id);
    const present = channel?.lanes.get(lane);
    if (topicId === undefined || !topic || !channel || present === undefined || present > generation) return null;
    this.#removeFrom(topic, channel, lane);
    const wasLast = !topic.laneChannels.has(lane);
    if (topic.channels.size === 0) this.#topics.delete(topicId);
    return { topicId, wasLast };
  }

  /** Channels of a lane in a topic, with the generation of each. */
  channelsOf(lane: string, topicId: number): [channel: string, generation: number][] {
    const topic = this.#topics.get(topicId);
    if (!topic) return [];
    const ids = topic.laneChannels.get(lane) ?? [];
    return [...ids].map((id) => [id, topic.channels.get(id)?.lanes.get(lane) ?? 0]);
  }

  lanesOf(topicId: number): string[] {
    return [...(this.#topics.get(topicId)?.laneChannels.keys() ?? [])];
  }

  /** Every channel of a lane, whatever the topic. */
  allOf(lane: string): { channel: string; generation: number }[] {
    return [...this.#topics.keys()].flatMap((topicId) =>
      this.channelsOf(lane, topicId).map(([channel, generation]) => ({ channel, generation })),
    );
  }

  /** @returns null when nobody wants anything of the topic */
  compiledFor(topicId: number, schema: WriterSchema): CompiledTopic | null {
    const topic = this.#topics.get(topicId);
    if (!topic) return null;
    const known = topic.compiled.get(schema.schemaId);
    if (known) return known;
    const compiled = this.#compile(topic, schema);
    topic.compiled.set(schema.schemaId, compiled);
    return compiled;
  }

  /** Plans must be compiled again for a schema whose text changed. */
  forgetSchema(schemaId: number): void {
    for (const topic of this.#topics.values()) topic.compiled.delete(schemaId);
  }

  #topicOf(topicId: number): Topic {
    let topic = this.#topics.get(topicId);
    if (!topic) {
      topic = { channels: new Map(), laneChannels: new Map(), compiled: new Map() };
      this.#topics.set(topicId, topic);
    }
    return topic;
  }

  #removeFrom(topic: Topic, channel: Channel, lane: string): void {
    channel.lanes.delete(lane);
    const ofLane = topic.laneChannels.get(lane);
    ofLane?.delete(channel.id);
    if (ofLane?.size === 0) topic.laneChannels.delete(lane);
    if (channel.lanes.size > 0) return;
    topic.channels.delete(channel.id);
    for (const compiled of topic.compiled.values()) removeFrom(compiled, channel.id);
    this.#topicOfChannel.delete(channel.id);
  }

  #compile(topic: Topic, schema: WriterSchema): GrowingTopic {
    const compiled: GrowingTopic = { schema, channels: new Map(), failures: new Map(), projections: new Map() };
    for (const channel of topic.channels.values()) this.#compileInto(compiled, channel);
    return compiled;
  }

  #compileInto({ schema, channels, failures, projections }: GrowingTopic, channel: Channel): void {
    try {
      const { matches, project, projectionKey: key } = this.#compiler.compile(channel.plan, schema.eventSchema);
      const projection = projections.get(key) ?? { key, project, users: 0 };
      projection.users += 1;
      projections.set(key, projection);
      channels.set(channel.id, { channel, matches, projection });
    } catch (error) {
      const message = error instanceof MdsError ? error.message : reasonOf(error);
      failures.set(channel.id, { channel: channel.id, schemaId: schema.schemaId, message });
    }
  }
}

function removeFrom({ channels, failures, projections }: GrowingTopic, id: string): void {
  failures.delete(id);
  const projection = channels.get(id)?.projection;
  channels.delete(id);
  if (!projection) return;
  projection.users -= 1;
  if (projection.users === 0) projections.delete(projection.key);
}
