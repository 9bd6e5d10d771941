// The attributes of one topic and writer's schema: one object for each value that some filter looks at, and the list of
// those that must be looked up for every event because channels are filed by them.

import type { Place, Positions } from '../scan/layout.ts';
import type { Attribute, OnUse } from './attribute.ts';
import type { EventView } from './event-view.ts';
import { NumberAttribute, numberReader } from './number-attribute.ts';
import { PresenceAttribute } from './presence-attribute.ts';
import { StringAttribute } from './string-attribute.ts';
import { SymbolAttribute } from './symbol-attribute.ts';

/** A place that is kept for as long as somebody reads it: the key of a map must be asked for. */
export interface HeldPlace extends Place {
  readonly text: string;
  readonly map?: number | undefined;
  readonly mapKey?: Uint8Array;
}

interface Held {
  readonly attribute: Attribute;
  users: number;
}

export class AttributeTable {
  readonly #view: EventView;
  readonly #positions: Positions;
  readonly #held = new Map<string, Held>();
  readonly active: Attribute[] = [];

  constructor(view: EventView, positions: Positions) {
    this.#view = view;
    this.#positions = positions;
  }

  string(place: HeldPlace): StringAttribute {
    return this.#retain('string', place, (slot, onUse) => new StringAttribute(this.#view, slot, onUse));
  }

  /** @throws RangeError when the place holds no number (a bug of the caller, who knows the type) */
  number(place: HeldPlace): NumberAttribute {
    const read = numberReader(place.type);
    if (!read) throw new RangeError(`${place.type.kind} is no number`);
    return this.#retain('number', place, (slot, onUse) => new NumberAttribute(this.#view, slot, read, onUse));
  }

  symbol(place: HeldPlace): SymbolAttribute {
    const isBoolean = place.type.kind === 'boolean';
    return this.#retain('symbol', place, (slot, onUse) => new SymbolAttribute(this.#view, slot, isBoolean, onUse));
  }

  presence(place: HeldPlace): PresenceAttribute {
    return this.#retain('presence', place, (slot, onUse) => new PresenceAttribute(this.#view, slot, onUse));
  }

  /** One for each time it was asked for. */
  release(kind: 'string' | 'number' | 'symbol' | 'presence', place: HeldPlace): void {
    const key = keyOf(kind, place);
    const held = this.#held.get(key);
    if (!held) throw new RangeError(`attribute ${key} is not there`);
    if (--held.users > 0) return;
    this.#held.delete(key);
    if (place.map !== undefined && place.mapKey) this.#positions.maps[place.map]?.release(place.mapKey);
  }

  #retain<A extends Attribute>(kind: string, place: HeldPlace, make: (slot: number, onUse: OnUse) => A): A {
    const key = keyOf(kind, place);
    const held = this.#held.get(key);
    if (held) {
      held.users++;
      return held.attribute as A; // the key begins with the kind
    }
    const slot = this.#slotOf(place);
    const attribute = make(slot, (changed, isInUse) => this.#onUse(changed, isInUse));
    this.#held.set(key, { attribute, users: 1 });
    return attribute;
  }

  #slotOf({ slot, map, mapKey }: HeldPlace): number {
    if (map === undefined || !mapKey) return slot;
    return this.#positions.maps[map]?.retain(mapKey) ?? -1;
  }

  #onUse(attribute: Attribute, isInUse: boolean): void {
    if (isInUse) this.active.push(attribute);
    else this.active.splice(this.active.indexOf(attribute), 1);
  }
}

const keyOf = (kind: string, { slot, map, mapKey }: HeldPlace): string =>
  map === undefined || !mapKey ? `${kind} ${slot}` : `${kind} ${map} ${Buffer.from(mapKey).toString('hex')}`;
