// The channels of one topic, found by the 16 bytes of their id as they stand in an envelope: a hex string for each lookup
// would cost more than all the rest that is done for an event.

import { CHANNEL_ID_WORDS, type EnvelopeReader } from '../../schemas/envelope-reader.ts';
import type { Channel } from './channel.ts';

interface Entry {
  readonly channel: Channel;
  readonly words: Int32Array;
  /** Another channel with the same first word, should there ever be one. */
  next: Entry | null;
}

export class ChannelTable {
  readonly #byId = new Map<string, Channel>();
  /** By the first 32 bits of the id, which is a hash itself. */
  readonly #byWord = new Map<number, Entry>();

  get size(): number {
    return this.#byId.size;
  }

  values(): IterableIterator<Channel> {
    return this.#byId.values();
  }

  get(id: string): Channel | undefined {
    return this.#byId.get(id);
  }

  /** @param at where a channel section of the envelope begins */
  find(envelope: EnvelopeReader, at: number): Channel | null {
    let entry = this.#byWord.get(envelope.channelWord(at, 0)) ?? null;
    for (; entry !== null; entry = entry.next) {
      const { words } = entry;
      if (
        words[1] === envelope.channelWord(at, 1) &&
        words[2] === envelope.channelWord(at, 2) &&
        words[3] === envelope.channelWord(at, 3)
      ) {
        return entry.channel;
      }
    }
    return null;
  }

  /** @param channel one whose id is not in the table */
  add(channel: Channel): void {
    const words = wordsOf(channel.id);
    this.#byId.set(channel.id, channel);
    this.#byWord.set(words[0] ?? 0, { channel, words, next: this.#byWord.get(words[0] ?? 0) ?? null });
  }

  delete(channel: Channel): void {
    if (!this.#byId.delete(channel.id)) return;
    const word = wordsOf(channel.id)[0] ?? 0;
    let kept: Entry | null = null;
    for (let entry = this.#byWord.get(word) ?? null; entry !== null; entry = entry.next) {
      if (entry.channel !== channel) kept = { ...entry, next: kept };
    }
    if (kept) this.#byWord.set(word, kept);
    else this.#byWord.delete(word);
  }
}

function wordsOf(id: string): Int32Array {
  const words = new Int32Array(CHANNEL_ID_WORDS);
  for (let i = 0; i < CHANNEL_ID_WORDS; i++) words[i] = Number.parseInt(id.slice(i * 8, i * 8 + 8), 16);
  return words;
}
