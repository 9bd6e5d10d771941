// What one network address may do at this edge: so many connects a second, so many connections, so many that have not said
// yet who they are. Pure; bounded: the address that was quiet for longest is forgotten first.

import { TokenBucket } from '../token-bucket.ts';

export interface AddressLimits {
  readonly connectsPerSecond: number;
  readonly connections: number;
}

interface Address {
  readonly connects: TokenBucket;
  connections: number;
}

/** Ten seconds' worth at once: everybody behind one address comes back when an edge was lost. */
const BURST_SECONDS = 10;
/** 100,000 of some 200 bytes. Who connects from more addresses than that is met by the limits of the edge itself. */
const MAX_KNOWN = 100_000;

export class Addresses {
  readonly #limits: AddressLimits;
  readonly #known = new Map<string, Address>();

  constructor(limits: AddressLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#known.size;
  }

  /** Counts an attempt to connect. @returns false when it was one too many */
  mayConnect(address: string, nowMs: number): boolean {
    return this.#address(address, nowMs).connects.take(nowMs);
  }

  /** @returns false when the address has all the connections it may have */
  enter(address: string, nowMs: number): boolean {
    const known = this.#address(address, nowMs);
    if (known.connections >= this.#limits.connections) return false;
    known.connections += 1;
    return true;
  }

  leave(address: string): void {
    const known = this.#known.get(address);
    if (known) known.connections -= 1;
  }

  #address(address: string, nowMs: number): Address {
    let known = this.#known.get(address);
    if (known) {
      this.#known.delete(address); // to the end: it is the one that was heard of last
    } else {
      if (this.#known.size >= MAX_KNOWN) this.#forgetOne();
      const { connectsPerSecond } = this.#limits;
      known = {
        connects: new TokenBucket(connectsPerSecond, connectsPerSecond * BURST_SECONDS, nowMs),
        connections: 0,
      };
    }
    this.#known.set(address, known);
    return known;
  }

  /** One that has connections is put behind the others, since they must be counted. */
  #forgetOne(): void {
    for (const [address, known] of this.#known) {
      this.#known.delete(address);
      if (known.connections === 0) return;
      this.#known.set(address, known);
    }
  }
}

const MAPPED_IPV4 = '00000000000000000000ffff';

/**
 * What counts as one address: an IPv4 address, or the network of an IPv6 address, all of whose 2^64 addresses one host may
 * take.
 *
 * @param bytes 4 or 16; empty: it is not known
 */
export function addressKeyOf(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
  if (hex.length !== 32) return hex;
  return hex.startsWith(MAPPED_IPV4) ? hex.slice(MAPPED_IPV4.length) : hex.slice(0, 16);
}
