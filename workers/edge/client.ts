// One connected client as subscriptions and channels see it: frames go in, in order, and it may be closed. The connection
// implements it with a socket, tests with an array.

import type { MdsError } from '../../schemas/errors.ts';
import type { PlanFormat } from '../../schemas/plan/plan.ts';
import type { Subscription } from './subscription.ts';

/** Bytes, or text that becomes bytes when it is sent. */
export type FrameBytes = Uint8Array | string;

export interface Client {
  /** In which the client takes events: given by the subprotocol of its connection. */
  readonly format: PlanFormat;
  /** Bytes that the client has not taken yet. */
  readonly bufferedBytes: number;
  /**
   * Queues a frame behind all earlier ones; its bytes must stand until all is written.
   * A client that does not keep up is closed here and gets nothing more.
   */
  send(frame: FrameBytes): void;
  /** One of its subscriptions has ended, for whatever reason. */
  onSubscriptionEnded(subscription: Subscription): void;
  /** Says why, and closes. Nothing that is sent afterwards reaches the client. */
  close(closeCode: number, error: MdsError): void;
}
