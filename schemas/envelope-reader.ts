// Reads lane envelopes where they arrive by the thousand: everything is checked once, then read in place, without an object
// for each event or channel. The layout is that of lane-envelope.ts, whose `readEnvelope` gives the same as plain objects.

import type { Cursor } from './cursor.ts';
import {
  CHANNEL_HEADER_BYTES,
  CHANNEL_ID_BYTES,
  corrupt,
  type EnvelopeHeader,
  type EnvelopeKind,
  EVENT_INDEX_BYTES,
  type JoinedChannel,
  openEnvelope,
  REF_BYTES,
} from './lane-envelope.ts';

/** Words of 32 bits in a channel's id. */
export const CHANNEL_ID_WORDS = CHANNEL_ID_BYTES / 4;

/**
 * One whole lane message. Events are named by their place in the event table, channel sections by where they begin:
 *
 * ```ts
 * for (let i = 0, at = envelope.channelsAt; i < envelope.channelCount; i++, at = envelope.channelBehind(at))
 *   for (let ref = 0; ref < envelope.refCount(at); ref++) copy(envelope.ref(at, ref));
 * ```
 */
export class EnvelopeReader implements EnvelopeHeader {
  readonly kind: EnvelopeKind;
  readonly topicId: number;
  readonly partition: number;
  readonly epoch: number;
  readonly requestId: number;
  readonly from: Cursor;
  readonly to: Cursor;
  readonly oldestRecordMs: number;
  readonly receivedMs: number;
  readonly publishedMs: number;
  readonly last: boolean;
  readonly expired: boolean;
  readonly joined: readonly JoinedChannel[];
  readonly eventCount: number;
  readonly channelCount: number;
  /** The whole message; event bytes are parts of it. */
  readonly bytes: Buffer;
  /** Where the first channel section begins. */
  readonly channelsAt: number;
  readonly #view: DataView;
  readonly #eventsAt: number;
  /** Where sections begin, by channel; made when somebody asks. */
  #sections: Map<string, number> | null = null;

  /**
   * @param bytes kept as long as the reader is used
   * @throws MdsError `MDS_LANE_CORRUPT` when the checksum differs or a length points outside (never reads past the end)
   */
  constructor(bytes: Uint8Array) {
    const { view, header, joined, eventsAt, eventCount, channelCount } = openEnvelope(bytes);
    this.kind = header.kind;
    this.topicId = header.topicId;
    this.partition = header.partition;
    this.epoch = header.epoch;
    this.requestId = header.requestId;
    this.from = header.from;
    this.to = header.to;
    this.oldestRecordMs = header.oldestRecordMs;
    this.receivedMs = header.receivedMs;
    this.publishedMs = header.publishedMs;
    this.last = header.last;
    this.expired = header.expired;
    this.joined = joined;
    this.eventCount = eventCount;
    this.channelCount = channelCount;
    this.bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#view = view;
    this.#eventsAt = eventsAt;
    this.channelsAt = eventsAt + eventCount * EVENT_INDEX_BYTES;
    this.#checkEvents();
    this.#checkChannels();
  }

  get byteLength(): number {
    return this.bytes.length;
  }

  eventOffset(place: number): number {
    return this.#view.getFloat64(this.#eventsAt + place * EVENT_INDEX_BYTES, true);
  }

  eventIndex(place: number): number {
    return this.#view.getInt32(this.#eventsAt + place * EVENT_INDEX_BYTES + 8, true);
  }

  eventStart(place: number): number {
    return this.#view.getUint32(this.#eventsAt + place * EVENT_INDEX_BYTES + 12, true);
  }

  eventLength(place: number): number {
    return this.#view.getUint32(this.#eventsAt + place * EVENT_INDEX_BYTES + 16, true);
  }

  /** True when the event lies behind the cursor. */
  isBehind(place: number, { offset, index }: Cursor): boolean {
    const eventOffset = this.eventOffset(place);
    return eventOffset > offset || (eventOffset === offset && this.eventIndex(place) > index);
  }

  /** @param word 0-3, most significant first @returns 32 bits of the channel's id, signed */
  channelWord(at: number, word: number): number {
    return this.#view.getInt32(at + word * 4);
  }

  refCount(at: number): number {
    return this.#view.getUint32(at + CHANNEL_ID_BYTES, true);
  }

  /** @returns the event's place in the event table */
  ref(at: number, ref: number): number {
    return this.#view.getUint32(at + CHANNEL_HEADER_BYTES + ref * REF_BYTES, true);
  }

  /** @returns where the next channel section begins */
  channelBehind(at: number): number {
    return at + CHANNEL_HEADER_BYTES + this.refCount(at) * REF_BYTES;
  }

  /** @param id 32 hex characters @returns where the channel's section begins, -1 when it has none */
  sectionOf(id: string): number {
    this.#sections ??= this.#findSections();
    return this.#sections.get(id) ?? -1;
  }

  #findSections(): Map<string, number> {
    const sections = new Map<string, number>();
    for (let i = 0, at = this.channelsAt; i < this.channelCount; i++, at = this.channelBehind(at)) {
      sections.set(this.bytes.toString('hex', at, at + CHANNEL_ID_BYTES), at);
    }
    return sections;
  }

  #checkEvents(): void {
    const end = this.bytes.length;
    if (this.channelsAt > end) throw corrupt(`${this.eventCount} events end outside`);
    for (let place = 0; place < this.eventCount; place++) {
      const start = this.eventStart(place);
      if (start < this.channelsAt || start + this.eventLength(place) > end)
        throw corrupt(`event ${place} lies outside`);
      const offset = this.eventOffset(place);
      if (!Number.isSafeInteger(offset) || offset < -1 || this.eventIndex(place) < 0) {
        throw corrupt('a cursor is out of range');
      }
    }
  }

  #checkChannels(): void {
    const end = this.bytes.length;
    let at = this.channelsAt;
    for (let i = 0; i < this.channelCount; i++) {
      const refsAt = at + CHANNEL_HEADER_BYTES;
      if (refsAt > end) throw corrupt('a channel ends outside');
      const behind = refsAt + this.refCount(at) * REF_BYTES;
      if (behind > end) throw corrupt('references end outside');
      for (let refAt = refsAt; refAt < behind; refAt += REF_BYTES) {
        const place = this.#view.getUint32(refAt, true);
        if (place >= this.eventCount) throw corrupt(`channel ${i} refers to event ${place} of ${this.eventCount}`);
      }
      at = behind;
    }
  }
}
