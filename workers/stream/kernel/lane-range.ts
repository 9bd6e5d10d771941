// What one partition has to say to one lane: where the lane stands, the channels whose join it has not been told of, and
// the events collected since its last envelope. Columns of numbers, used again for every envelope: no object for an event.
//
//   events    offset │ index │ start and length in the sink
//   refs      which of the envelope's channels │ which of its events
//   channels  id │ how many refs

import { type Cursor, compareCursors } from '../../../schemas/cursor.ts';
import {
  CHANNEL_HEADER_BYTES,
  CHANNEL_ID_BYTES,
  type EnvelopeHeader,
  EVENT_INDEX_BYTES,
  HEADER_BYTES,
  JOINED_BYTES,
  REF_BYTES,
  sealEnvelope,
  writeEnvelopeHeader,
  writeEventIndex,
} from '../../../schemas/lane-envelope.ts';
import type { Channel } from './channel.ts';

/** The part of an envelope's header that the range does not know. */
export type RangeHeader = Omit<EnvelopeHeader, 'from' | 'to' | 'oldestRecordMs'>;

interface Join {
  readonly idBytes: Uint8Array;
  readonly generation: number;
}

export class LaneRange {
  readonly lane: string;
  readonly laneNumber: number;
  /** Last `to` of this lane; the next envelope's `from`. */
  to: Cursor;
  /** True when an envelope is owed even if it is empty. */
  owed = false;
  /** Bytes of the envelope that holds what was collected; 0 when nothing was. */
  byteLength = 0;
  readonly #joining = new Map<string, Join>();
  #oldestRecordMs = 0;
  #eventCount = 0;
  readonly #offsets: number[] = [];
  readonly #indexes: number[] = [];
  readonly #starts: number[] = [];
  readonly #lengths: number[] = [];
  #refCount = 0;
  readonly #refChannels: number[] = [];
  readonly #refEvents: number[] = [];
  #channelCount = 0;
  readonly #channels: Channel[] = [];
  readonly #channelRefs: number[] = [];
  /** By channel number: its place among the envelope's channels, from 1 on; 0 when it has none. */
  #placeOfChannel = new Int32Array(64);
  /** How things stood before the record at hand. */
  readonly #mark = { record: -1, events: 0, refs: 0, channels: 0, byteLength: 0 };

  constructor(lane: string, laneNumber: number, to: Cursor) {
    this.lane = lane;
    this.laneNumber = laneNumber;
    this.to = to;
  }

  get joiningCount(): number {
    return this.#joining.size;
  }

  /** Bytes that the join notices take, with the empty envelope before them that closes the range so far. */
  joinBytes(position: Cursor): number {
    if (this.#joining.size === 0) return 0;
    return this.catchUpBytes(position) + HEADER_BYTES + this.#joining.size * JOINED_BYTES;
  }

  catchUpBytes(position: Cursor): number {
    return compareCursors(this.to, position) < 0 ? HEADER_BYTES : 0;
  }

  join({ id, idBytes }: Channel, generation: number): void {
    this.#joining.set(id, { idBytes, generation });
  }

  leave(channel: string): void {
    this.#joining.delete(channel);
  }

  /** @returns true the first time it is called for this record */
  beginRecord(record: number): boolean {
    const mark = this.#mark;
    if (mark.record === record) return false;
    mark.record = record;
    mark.events = this.#eventCount;
    mark.refs = this.#refCount;
    mark.channels = this.#channelCount;
    mark.byteLength = this.byteLength;
    if (this.byteLength === 0) this.byteLength = HEADER_BYTES;
    return true;
  }

  /** Bytes that the record at hand has added. */
  get recordBytes(): number {
    return this.byteLength - this.#mark.byteLength;
  }

  /** @returns its place in the event table */
  addEvent(offset: number, index: number, start: number, length: number): number {
    const place = this.#eventCount++;
    this.#offsets[place] = offset;
    this.#indexes[place] = index;
    this.#starts[place] = start;
    this.#lengths[place] = length;
    this.byteLength += EVENT_INDEX_BYTES + length;
    return place;
  }

  addRef(channel: Channel, event: number): void {
    const { number } = channel;
    if (number >= this.#placeOfChannel.length) this.#growPlaces(number);
    let place = this.#placeOfChannel[number] ?? 0;
    if (place === 0) {
      this.#channels[this.#channelCount] = channel;
      this.#channelRefs[this.#channelCount] = 0;
      place = ++this.#channelCount;
      this.#placeOfChannel[number] = place;
      this.byteLength += CHANNEL_HEADER_BYTES;
    }
    this.#channelRefs[place - 1] = (this.#channelRefs[place - 1] ?? 0) + 1;
    this.#refChannels[this.#refCount] = place - 1;
    this.#refEvents[this.#refCount++] = event;
    this.byteLength += REF_BYTES;
  }

  /** @param recordMs timestamp of the record that all this came from */
  keepRecord(recordMs: number): void {
    if (this.#mark.events === 0 || recordMs < this.#oldestRecordMs) this.#oldestRecordMs = recordMs;
  }

  /** As if the record at hand had never been. */
  dropRecord(): void {
    const mark = this.#mark;
    for (let i = mark.refs; i < this.#refCount; i++) {
      const place = this.#refChannels[i] ?? 0;
      this.#channelRefs[place] = (this.#channelRefs[place] ?? 0) - 1;
    }
    this.#forgetChannels(mark.channels);
    this.#eventCount = mark.events;
    this.#refCount = mark.refs;
    this.byteLength = mark.byteLength;
  }

  /**
   * Writes the envelope from the lane's `to` up to the new one, with what was collected, or with the join notices.
   *
   * @param sink holds the bytes of the events
   * @returns bytes written
   */
  write(
    output: Uint8Array,
    position: number,
    header: RangeHeader,
    to: Cursor,
    what: 'events' | 'joins',
    sink: Uint8Array,
  ): number {
    const joins = what === 'joins' ? [...this.#joining.values()] : [];
    const byteLength =
      what === 'joins' ? HEADER_BYTES + joins.length * JOINED_BYTES : Math.max(HEADER_BYTES, this.byteLength);
    const bytes = output.subarray(position, position + byteLength);
    const view = new DataView(bytes.buffer, bytes.byteOffset, byteLength);
    const [eventCount, channelCount] = what === 'joins' ? [0, 0] : [this.#eventCount, this.#channelCount];
    const range = { from: this.to, to, oldestRecordMs: eventCount > 0 ? this.#oldestRecordMs : 0 };
    const counts = { joinedCount: joins.length, eventCount, channelCount, byteLength };
    writeEnvelopeHeader(view, { ...header, ...range }, counts);
    let at = HEADER_BYTES;
    for (const { idBytes, generation } of joins) {
      bytes.set(idBytes, at);
      view.setUint32(at + CHANNEL_ID_BYTES, generation, true);
      at += JOINED_BYTES;
    }
    if (eventCount > 0) this.#writeEvents(view, bytes, sink);
    sealEnvelope(bytes);
    this.to = to;
    if (what === 'joins') this.#joining.clear();
    else this.#clear();
    return byteLength;
  }

  #writeEvents(view: DataView, bytes: Uint8Array, sink: Uint8Array): void {
    const count = this.#eventCount;
    let at = HEADER_BYTES;
    const channelsAt = at + count * EVENT_INDEX_BYTES;
    const eventsAt = channelsAt + this.#channelCount * CHANNEL_HEADER_BYTES + this.#refCount * REF_BYTES;
    let start = eventsAt;
    let runStart = this.#starts[0] ?? 0;
    let runEnd = runStart;
    let runTo = eventsAt;
    for (let i = 0; i < count; i++) {
      const [from, length] = [this.#starts[i] ?? 0, this.#lengths[i] ?? 0];
      writeEventIndex(view, at, this.#offsets[i] ?? 0, this.#indexes[i] ?? 0, start, length);
      at += EVENT_INDEX_BYTES;
      if (from !== runEnd) {
        bytes.set(sink.subarray(runStart, runEnd), runTo);
        runTo = start;
        runStart = from;
      }
      runEnd = from + length;
      start += length;
    }
    bytes.set(sink.subarray(runStart, runEnd), runTo);
    this.#writeChannels(view, bytes, channelsAt);
  }

  /** Refs stand in the order of events; each channel gets its own together (a counting sort). */
  #writeChannels(view: DataView, bytes: Uint8Array, channelsAt: number): void {
    const nextRefAt = new Uint32Array(this.#channelCount);
    let at = channelsAt;
    for (let place = 0; place < this.#channelCount; place++) {
      const refs = this.#channelRefs[place] ?? 0;
      bytes.set(this.#channels[place]?.idBytes ?? [], at);
      view.setUint32(at + CHANNEL_ID_BYTES, refs, true);
      at += CHANNEL_HEADER_BYTES;
      nextRefAt[place] = at;
      at += refs * REF_BYTES;
    }
    for (let i = 0; i < this.#refCount; i++) {
      const place = this.#refChannels[i] ?? 0;
      const refAt = nextRefAt[place] ?? 0;
      view.setUint32(refAt, this.#refEvents[i] ?? 0, true);
      nextRefAt[place] = refAt + REF_BYTES;
    }
  }

  #clear(): void {
    this.#forgetChannels(0);
    this.#eventCount = 0;
    this.#refCount = 0;
    this.byteLength = 0;
    this.#oldestRecordMs = 0;
  }

  #forgetChannels(from: number): void {
    for (let place = from; place < this.#channelCount; place++) {
      const channel = this.#channels[place];
      if (channel) this.#placeOfChannel[channel.number] = 0;
    }
    this.#channelCount = from;
    this.#channels.length = from;
  }

  #growPlaces(number: number): void {
    const longer = new Int32Array(Math.max(number + 1, this.#placeOfChannel.length * 2));
    longer.set(this.#placeOfChannel);
    this.#placeOfChannel = longer;
  }
}
