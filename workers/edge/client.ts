// One connected client as subscriptions and channels see it: frames go in, in order, and it may be closed. The connection
// implements it with a socket, tests with an array.

import type { SubscriptionView } from '../../schemas/connection-control.ts';
import type { MdsError } from '../../schemas/errors.ts';
import type { AckMessage, NackMessage } from '../../schemas/frames.ts';
import type { Identity } from '../../schemas/identity/identity.ts';
import type { PlanFormat } from '../../schemas/plan/plan.ts';

/** Bytes, or text that becomes bytes when it is sent. */
export type FrameBytes = Uint8Array | string;

/** What a client has asked for and may end: a subscription, or its part of a durable one. */
export interface ClientSubscription {
  /** As the client named it. */
  readonly id: string;
  readonly isEnded: boolean;
  /** True while it has something to send as soon as the client has room. */
  readonly wantsRoom: boolean;
  /** What an operator is shown of it. */
  view(): SubscriptionView;
  /** The client has read: go on. */
  advance(): void;
  /** At the client's wish, or because its connection is gone. */
  end(): void;
  /** Its client is somebody else now, or may do something else: it ends itself with an error when that concerns it. */
  recheck(identity: Identity): void;
  /** Absent: nothing of it can be acknowledged. */
  readonly onAcknowledgement?: (message: AckMessage | NackMessage) => void;
}

/** A client, however it is spoken to. */
export interface Recipient {
  /** Who it is now: decides which topics there are, and what of them it may read. */
  readonly identity: Identity;
  /** In which the client takes events: given by the subprotocol of its connection. */
  readonly format: PlanFormat;
  /** Bytes that the client has not taken yet. */
  readonly bufferedBytes: number;
  /** True while its tenant has used up what it may get for now: whatever can wait is not sent, and room is awaited. */
  readonly isThrottled: boolean;
  /** One of its subscriptions has ended, for whatever reason. */
  onSubscriptionEnded(subscription: Pick<ClientSubscription, 'id'>): void;
  /** Some subscription of it has something to send that waits for room: each is told when there is. */
  awaitRoom(): void;
  /** Says why, and closes. Nothing that is sent afterwards reaches the client. */
  close(closeCode: number, error: MdsError): void;
}

/** One that takes frames, as on a WebSocket. */
export interface Client extends Recipient {
  /**
   * Queues a frame behind all earlier ones; its bytes must stand until all is written.
   * A client that does not keep up is closed here and gets nothing more.
   *
   * @param eventCount of an events frame
   */
  send(frame: FrameBytes, eventCount?: number): void;
}

/** What is charged to the tenant of a client. */
export interface Charged {
  /**
   * Counts what the filter of a subscription costs for each event, in units of `costOf`, until that has ended.
   *
   * @throws MdsError `MDS_QUOTA_EXCEEDED` when it is more than its tenant may have
   */
  charge(id: string, cost: number): void;
}

/** A client that may be answered later than at once. */
export interface AskingClient extends Client, Charged {
  /** Tells it that what it asked for under this id cannot be had. */
  refuse(id: string, error: unknown): void;
}
