// How a subscription that follows its channel speaks to its client: on a WebSocket in frames, in an event stream in messages,
// to a long poll in parts of an answer.

import type { ServerFrame } from '../../schemas/frames.ts';
import type { Charged, Client, Recipient } from './client.ts';
import { type FollowedFrame, followedFrame } from './followed-frame.ts';

export interface ClientOutput {
  /** Everything but events. */
  say(frame: ServerFrame): void;
  /** Events of one range, which moves the client's position. */
  give(frame: FollowedFrame): void;
}

/** A client with an output of its own instead of frames. */
export interface SpokenClient extends Recipient, Charged {
  readonly output: ClientOutput;
}

export const frameOutput = (client: Client): ClientOutput => ({
  say: (frame) => client.send(JSON.stringify(frame)),
  give: (frame) => client.send(followedFrame(client.format, frame), frame.events.length),
});
