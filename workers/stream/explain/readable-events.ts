// Which events of a record somebody may read: those that a mandatory filter lets through. The others are then as if they were
// not there. No I/O.

import { CONFLUENT_HEADER_BYTES } from '../../../schemas/confluent-wire.ts';
import type { Channel } from '../kernel/channel.ts';
import { readChannelPlan } from '../kernel/channel-plan.ts';
import { type MatchCollector, TopicMatcher } from '../kernel/topic-matcher.ts';
import { JsonSink } from '../kernel/transcode/json-sink.ts';
import type { WriterSchema } from '../kernel/writer-schemas.ts';

/** Notes the places of what was matched. */
class Places implements MatchCollector {
  readonly isWithinLimit = true;
  readonly found: number[] = [];
  #index = 0;

  beginEvent(index: number): boolean {
    this.#index = index;
    return true;
  }

  collect(): void {
    this.found.push(this.#index);
  }
}

export class ReadableEvents {
  readonly #channel: Channel;
  readonly #places = new Places();
  readonly #sink = new JsonSink();
  readonly #matchers = new Map<WriterSchema, TopicMatcher>();

  /** @param mandatory a plan as JSON @throws MdsError when it cannot be read */
  constructor(mandatory: unknown) {
    const plan = readChannelPlan(mandatory);
    const nobodys = { id: '', idBytes: Buffer.alloc(0), number: 0, topicId: 0 };
    this.#channel = { ...nobodys, plan, lanes: new Map(), laneNumbers: [] };
  }

  /**
   * Of a writer whose schema the filter does not fit nothing may be read.
   *
   * @param bytes holds the record, framed, from `start` to `end`
   * @returns places of events in the record, in their order
   * @throws MdsError when the record is not sound
   */
  of(schema: WriterSchema, bytes: Uint8Array, start: number, end: number): readonly number[] {
    this.#places.found.length = 0;
    this.#matcherOf(schema).record(bytes, start + CONFLUENT_HEADER_BYTES, end);
    return [...this.#places.found];
  }

  #matcherOf(schema: WriterSchema): TopicMatcher {
    const known = this.#matchers.get(schema);
    if (known) return known;
    const made = new TopicMatcher(schema, this.#sink, this.#places);
    made.add(this.#channel);
    this.#matchers.set(schema, made);
    return made;
  }
}
