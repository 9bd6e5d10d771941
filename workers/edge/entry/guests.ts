// All sockets that have not said yet who they are: counted and bounded, also by address, and closed when they take too
// long. Credentials are checked a few at a time, addresses taking turns.

import type { Authenticator } from '../../../platform/identity/authenticator.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { Identity } from '../../../schemas/identity/identity.ts';
import type { PlanFormat } from '../../../schemas/plan/plan.ts';
import type { Socket } from '../connection.ts';
import { FairQueue } from '../tenants/fair-queue.ts';
import type { SocketHandlers } from '../websocket-server.ts';
import { Guest, type GuestHost } from './guest.ts';

export interface GuestLimits {
  readonly withinMs: number;
  readonly guests: number;
  readonly guestsPerAddress: number;
  readonly maxMessageBytes: number;
}

export interface GuestsOptions {
  readonly authenticator: Pick<Authenticator, 'authenticate'>;
  readonly limits: GuestLimits;
  /** @returns what takes the guest's place; null: it was refused, and its socket is closed */
  readonly admit: (guest: Guest, format: PlanFormat, identity: Identity) => SocketHandlers | null;
  readonly onClosing: (closeCode: number) => void;
  /** Whoever it was by then. */
  readonly onSocketClosed: (address: string) => void;
  /** An error that is none of the closed list. @returns the reference under which it was logged */
  readonly onUnexpected: (error: unknown) => string;
  /** ms of any origin; never goes back. */
  readonly now: () => number;
}

/** At a time: enough to keep the threads that check signatures busy, few enough that a late comer waits for milliseconds. */
const MAX_CHECKS = 32;

export class Guests {
  readonly #options: GuestsOptions;
  /** In the order in which they came. */
  readonly #open = new Set<Guest>();
  readonly #byAddress = new Map<string, number>();
  readonly #waiting = new FairQueue<{ readonly guest: Guest; readonly credential: string }>();
  #checks = 0;

  constructor(options: GuestsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#open.size;
  }

  /** @returns null: there are too many already */
  receive(socket: Socket, format: PlanFormat, address: string, credential: string | null): Guest | null {
    const { limits, admit, onClosing, onSocketClosed, now } = this.#options;
    const ofAddress = this.#byAddress.get(address) ?? 0;
    if (this.#open.size >= limits.guests || ofAddress >= limits.guestsPerAddress) return null;
    const host: GuestHost = {
      withinMs: limits.withinMs,
      maxMessageBytes: limits.maxMessageBytes,
      check: (guest, given) => this.#check(guest, given),
      admit: (guest, identity) => admit(guest, format, identity),
      onGone: (guest) => this.#forget(guest),
      onSocketClosed: () => onSocketClosed(address),
      onClosing,
    };
    const guest = new Guest(host, socket, address, now());
    this.#open.add(guest);
    this.#byAddress.set(address, ofAddress + 1);
    guest.begin(credential);
    return guest;
  }

  /** Several times a second. */
  tick(): void {
    const beforeMs = this.#options.now() - this.#options.limits.withinMs;
    for (const guest of this.#open) {
      if (guest.sinceMs > beforeMs) return;
      guest.onTooLate();
    }
  }

  #forget(guest: Guest): void {
    if (!this.#open.delete(guest)) return;
    const left = (this.#byAddress.get(guest.address) ?? 1) - 1;
    if (left === 0) this.#byAddress.delete(guest.address);
    else this.#byAddress.set(guest.address, left);
  }

  #check(guest: Guest, credential: string): void {
    this.#waiting.push(guest.address, { guest, credential });
    this.#checkNext();
  }

  #checkNext(): void {
    while (this.#checks < MAX_CHECKS) {
      const next = this.#waiting.shift();
      if (!next) return;
      if (next.guest.isGone) continue;
      this.#checks += 1;
      void this.#authenticate(next.guest, next.credential);
    }
  }

  async #authenticate(guest: Guest, credential: string): Promise<void> {
    try {
      guest.onIdentity(await this.#options.authenticator.authenticate(credential));
    } catch (error) {
      const known = error instanceof MdsError;
      guest.onRefused(known ? error : new MdsError('MDS_INTERNAL', { reference: this.#options.onUnexpected(error) }));
    } finally {
      this.#checks -= 1;
      this.#checkNext();
    }
  }
}
