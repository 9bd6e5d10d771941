// The event at hand, as predicates see it: its bytes, where its values are, and, for what only closures can decide, the
// decoded value of a field, made when it is first asked for.

import type { AvroType } from '../../../../schemas/avro/avro-type.ts';
import type { DecodedEvent } from '../../../../schemas/avro/decoded-event.ts';
import type { Layout, Positions } from '../scan/layout.ts';
import { type Decode, ValueDecoder } from '../scan/value-decoder.ts';

export class EventView {
  /** Holds the event from `start` to `end`. */
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  /** Grows with every event: what was computed for another one is recognised by it. */
  serial = 0;
  readonly positions: Positions;
  /** Valid as long as the event is at hand. */
  readonly decoded: DecodedEvent;

  constructor(layout: Layout, positions: Positions) {
    this.positions = positions;
    this.decoded = this.#lazyEvent(layout);
  }

  /** The scanner has noted the positions of this event. */
  show(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.serial++;
  }

  /** Nobody may ask about the event any more: the next one with the same bytes is another. */
  forget(): void {
    this.serial++;
  }

  #lazyEvent({ fields }: Layout): DecodedEvent {
    const event = Object.create(null);
    const decoder = new ValueDecoder();
    for (const { field, slot, type } of fields) {
      const read = decoder.decode(type);
      Object.defineProperty(event, field.name, { get: this.#getter(slot, type, read), enumerable: true });
    }
    return event;
  }

  #getter(slot: number, type: AvroType, read: Decode): () => unknown {
    let serial = -1;
    let value: unknown;
    return () => {
      if (serial === this.serial) return value;
      const at = this.positions.at[slot] ?? -1;
      value = at < 0 && type.kind !== 'null' ? null : read(this.bytes, at);
      serial = this.serial;
      return value;
    };
  }
}
