// Which channels of which topics are wanted by which lanes, and a matcher for each writer's schema that has been met.
// Nothing here knows about partitions. A change of one channel costs what that channel costs, however many there are.

import { MdsError } from '../../../schemas/errors.ts';
import type { Channel } from './channel.ts';
import { type ChannelPlan, readChannelPlan } from './channel-plan.ts';
import type { Lane } from './open-slot.ts';
import type { AddChannel } from './plan-delta.ts';
import type { TopicMatcher } from './topic-matcher.ts';
import type { WriterSchema } from './writer-schemas.ts';

interface Topic {
  readonly channels: Map<string, Channel>;
  readonly laneChannels: Map<Lane, Set<Channel>>;
  /** By writer's schema; follows the set of channels one by one. */
  readonly matchers: Map<number, TopicMatcher>;
}

/** A channel of a lane, and the generation in which the lane wants it. */
export interface WantedChannel {
  readonly channel: Channel;
  readonly generation: number;
}

export interface Added extends WantedChannel {
  readonly lane: Lane;
}

export interface Removed {
  readonly lane: Lane;
  readonly topicId: number;
  /** The lane wants nothing of the topic any more. */
  readonly wasLast: boolean;
}

export class PlanTable {
  readonly #newMatcher: (schema: WriterSchema) => TopicMatcher;
  readonly #topics = new Map<number, Topic>();
  /** Channel ids are hashes of topic and plan, so one id means one topic, except to replays. */
  readonly #topicOfChannel = new Map<string, number>();
  readonly #lanes = new Map<string, Lane>();
  readonly #laneNumbers = new Numbers();
  readonly #channelNumbers = new Numbers();
  /** How many topics want something of a lane: it is forgotten with the last. */
  readonly #topicsOfLane = new Map<Lane, number>();

  constructor(newMatcher: (schema: WriterSchema) => TopicMatcher) {
    this.#newMatcher = newMatcher;
  }

  /** @returns null when the lane already has the channel in this generation */
  add({ lane: laneName, channel: id, generation, topicId, plan }: AddChannel): Added | null {
    const topic = this.#topicOf(topicId);
    const channel = topic.channels.get(id) ?? this.#newChannel(topic, topicId, id, plan);
    const lane = this.#laneOf(laneName);
    if (channel.lanes.get(lane.number) === generation) return null;
    channel.lanes.set(lane.number, generation);
    channel.laneNumbers = [...channel.lanes.keys()];
    let ofLane = topic.laneChannels.get(lane);
    if (!ofLane) {
      ofLane = new Set();
      topic.laneChannels.set(lane, ofLane);
      this.#topicsOfLane.set(lane, (this.#topicsOfLane.get(lane) ?? 0) + 1);
    }
    ofLane.add(channel);
    return { lane, channel, generation };
  }

  /** @returns null when there was nothing to remove */
  remove(laneName: string, id: string, generation: number, topicId = this.#topicOfChannel.get(id)): Removed | null {
    const topic = topicId === undefined ? undefined : this.#topics.get(topicId);
    const channel = topic?.channels.get(id);
    const lane = this.#lanes.get(laneName);
    const present = lane && channel?.lanes.get(lane.number);
    if (topicId === undefined || !topic || !channel || !lane || present === undefined || present > generation)
      return null;
    this.#removeFrom(topic, channel, lane);
    const wasLast = !topic.laneChannels.has(lane);
    if (topic.channels.size === 0) this.#topics.delete(topicId);
    return { lane, topicId, wasLast };
  }

  lanesOf(topicId: number): Lane[] {
    return [...(this.#topics.get(topicId)?.laneChannels.keys() ?? [])];
  }

  /** Channels of a lane in a topic. */
  channelsOf(lane: Lane, topicId: number): WantedChannel[] {
    const channels = this.#topics.get(topicId)?.laneChannels.get(lane) ?? [];
    return [...channels].map((channel) => ({ channel, generation: channel.lanes.get(lane.number) ?? 0 }));
  }

  /** Every channel of a lane, whatever the topic. */
  allOf(laneName: string): WantedChannel[] {
    const lane = this.#lanes.get(laneName);
    return lane ? [...this.#topics.keys()].flatMap((topicId) => this.channelsOf(lane, topicId)) : [];
  }

  /** @returns null when nobody wants anything of the topic */
  matcherFor(topicId: number, schema: WriterSchema): TopicMatcher | null {
    const topic = this.#topics.get(topicId);
    if (!topic) return null;
    const known = topic.matchers.get(schema.schemaId);
    if (known?.schema === schema) return known;
    const matcher = this.#newMatcher(schema);
    for (const channel of topic.channels.values()) matcher.add(channel);
    topic.matchers.set(schema.schemaId, matcher);
    return matcher;
  }

  *matchers(): Iterable<TopicMatcher> {
    for (const { matchers } of this.#topics.values()) yield* matchers.values();
  }

  #topicOf(topicId: number): Topic {
    let topic = this.#topics.get(topicId);
    if (!topic) {
      topic = { channels: new Map(), laneChannels: new Map(), matchers: new Map() };
      this.#topics.set(topicId, topic);
    }
    return topic;
  }

  #laneOf(name: string): Lane {
    let lane = this.#lanes.get(name);
    if (!lane) {
      lane = { name, number: this.#laneNumbers.take() };
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  #newChannel(topic: Topic, topicId: number, id: string, given: unknown): Channel {
    const number = this.#channelNumbers.take();
    const idBytes = Buffer.from(id, 'hex');
    const plan = planOrError(given);
    const channel: Channel = { id, idBytes, number, topicId, plan, lanes: new Map(), laneNumbers: [] };
    topic.channels.set(id, channel);
    this.#topicOfChannel.set(id, topicId);
    for (const matcher of topic.matchers.values()) matcher.add(channel);
    return channel;
  }

  #removeFrom(topic: Topic, channel: Channel, lane: Lane): void {
    channel.lanes.delete(lane.number);
    channel.laneNumbers = [...channel.lanes.keys()];
    const ofLane = topic.laneChannels.get(lane);
    ofLane?.delete(channel);
    if (ofLane?.size === 0) this.#forgetLane(topic, lane);
    if (channel.lanes.size > 0) return;
    topic.channels.delete(channel.id);
    this.#topicOfChannel.delete(channel.id);
    for (const matcher of topic.matchers.values()) matcher.remove(channel);
    this.#channelNumbers.give(channel.number);
  }

  #forgetLane(topic: Topic, lane: Lane): void {
    topic.laneChannels.delete(lane);
    const topics = (this.#topicsOfLane.get(lane) ?? 1) - 1;
    this.#topicsOfLane.set(lane, topics);
    if (topics > 0) return;
    this.#topicsOfLane.delete(lane);
    this.#lanes.delete(lane.name);
    this.#laneNumbers.give(lane.number);
  }
}

/** Small numbers, used again. */
class Numbers {
  readonly #free: number[] = [];
  #next = 0;

  take(): number {
    return this.#free.pop() ?? this.#next++;
  }

  give(number: number): void {
    this.#free.push(number);
  }
}

function planOrError(given: unknown): ChannelPlan | MdsError {
  try {
    return readChannelPlan(given);
  } catch (error) {
    if (error instanceof MdsError) return error;
    throw error;
  }
}
