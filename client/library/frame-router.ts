// Which subscription a frame is for: by the id it was asked for with on this connection, or by the channel it shares.

import type {
  AckedFrame,
  ConsumingFrame,
  ErrorFrame,
  EventsFrame,
  GapFrame,
  LiveFrame,
  PositionFrame,
  ServerFrame,
  ShedFrame,
  SubscribedFrame,
} from '../../schemas/frames.ts';

/** Frames that are about one subscription. */
export type RoutedFrame =
  | SubscribedFrame
  | ConsumingFrame
  | EventsFrame
  | LiveFrame
  | PositionFrame
  | GapFrame
  | ShedFrame
  | AckedFrame
  | ErrorFrame;

/** A subscription as the router sees it. */
export interface FrameReceiver {
  onFrame(frame: RoutedFrame, receivedMs: number): void;
}

export class FrameRouter {
  readonly #byWireId = new Map<string, FrameReceiver>();
  readonly #byChannel = new Map<string, Set<FrameReceiver>>();
  readonly #routes = new Map<FrameReceiver, { readonly wireId: string; readonly channel: string | null }>();

  /** Frames for subscriptions that are gone are left alone. */
  give(frame: ServerFrame, receivedMs: number): void {
    switch (frame.type) {
      case 'events':
        if (frame.sub !== undefined) this.#byWireId.get(frame.sub)?.onFrame(frame, receivedMs);
        else for (const receiver of this.#byChannel.get(frame.channel) ?? []) receiver.onFrame(frame, receivedMs);
        break;
      case 'subscribed':
      case 'consuming':
      case 'live':
      case 'position':
      case 'gap':
      case 'shed':
      case 'acked':
        this.#byWireId.get(frame.id)?.onFrame(frame, receivedMs);
        break;
      case 'error':
        if (frame.id !== undefined) this.#byWireId.get(frame.id)?.onFrame(frame, receivedMs);
        break;
    }
  }

  /** From now on the receiver has this id and channel, or none, and no others. */
  route(receiver: FrameReceiver, wireId: string | null, channel: string | null): void {
    this.#forget(receiver);
    if (wireId === null) return;
    this.#routes.set(receiver, { wireId, channel });
    this.#byWireId.set(wireId, receiver);
    if (channel === null) return;
    const sharing = this.#byChannel.get(channel);
    if (sharing) sharing.add(receiver);
    else this.#byChannel.set(channel, new Set([receiver]));
  }

  #forget(receiver: FrameReceiver): void {
    const before = this.#routes.get(receiver);
    if (!before) return;
    this.#routes.delete(receiver);
    this.#byWireId.delete(before.wireId);
    if (before.channel === null) return;
    const sharing = this.#byChannel.get(before.channel);
    sharing?.delete(receiver);
    if (sharing?.size === 0) this.#byChannel.delete(before.channel);
  }
}
