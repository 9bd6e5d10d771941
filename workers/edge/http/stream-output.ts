// What a subscription says and gives, as messages of an event stream, each event with the token that resumes behind it. Pure.
//
//   subscribed ─▶ event: subscribed   where it begins, as id        gap  ─▶ event: gap    a range that will never come
//   events     ─▶ event: message, one for each                      shed ─▶ event: shed   left out, before the rest of its range
//   position   ─▶ an id without a word                              live ─▶ event: live   the replay is done

import type { Position } from '../../../schemas/cursor.ts';
import type { MdsError } from '../../../schemas/errors.ts';
import type { ErrorFrame, GapFrame, ServerFrame, ShedFrame, SubscribedFrame } from '../../../schemas/frames.ts';
import { decodeResumeToken } from '../../../schemas/resume-token.ts';
import type { ClientOutput } from '../client-output.ts';
import type { FollowedFrame } from '../followed-frame.ts';
import { EventIds } from './event-ids.ts';
import { eventMessage, moveMessage, streamMessage } from './stream-message.ts';

export interface StreamSink {
  /** The subscription has begun, and with it the stream. */
  begin(): void;
  message(message: Buffer | string): void;
  /** So many events are among the messages. */
  onEvents(count: number): void;
  /** It has ended, and with it the stream. */
  fail(error: Pick<MdsError, 'code' | 'message' | 'retryable' | 'details'>): void;
}

export class StreamOutput implements ClientOutput {
  readonly #sink: StreamSink;
  #ids: EventIds | null = null;

  constructor(sink: StreamSink) {
    this.#sink = sink;
  }

  say(frame: ServerFrame): void {
    switch (frame.type) {
      case 'subscribed':
        this.#begin(frame);
        break;
      case 'live':
        this.#sink.message(streamMessage('live', {}));
        break;
      case 'position':
        this.#move(decodeResumeToken(frame.token).position);
        break;
      case 'gap':
        this.#ids?.move(frame.partition, { offset: frame.to[0], index: frame.to[1] });
        this.#sink.message(streamMessage('gap', dataOf(frame), this.#token));
        break;
      case 'shed':
        this.#sink.message(streamMessage('shed', dataOf(frame)));
        break;
      case 'error':
        this.#sink.fail({ details: {}, ...frame });
    }
  }

  give({ partition, to, events }: FollowedFrame): void {
    const last = events.length - 1;
    this.#sink.onEvents(events.length);
    events.forEach((event, i) => {
      this.#ids?.move(partition, i === last ? to : event.cursor);
      this.#sink.message(eventMessage(this.#token, partition, event));
    });
    if (events.length > 0) return;
    this.#ids?.move(partition, to);
    this.#sink.message(moveMessage(this.#token));
  }

  /** Without a word to whoever is there already. */
  #move(position: Position): void {
    const before = this.#token;
    this.#ids?.moveAll(position);
    if (this.#token !== before) this.#sink.message(moveMessage(this.#token));
  }

  get #token(): string {
    return this.#ids?.token ?? '';
  }

  #begin({ topic, filter, partitions, position: token, replaying }: SubscribedFrame): void {
    const { topicId, position } = decodeResumeToken(token);
    this.#ids = new EventIds(topicId, position);
    this.#sink.begin();
    this.#sink.message(streamMessage('subscribed', { topic, filter, partitions, replaying }, this.#token));
  }
}

type Notice = GapFrame | ShedFrame | ErrorFrame;

/** What a frame says, without the name of the subscription: there is only one. */
function dataOf({ type: _type, id: _id, ...data }: Notice): Readonly<Record<string, unknown>> {
  return data;
}
