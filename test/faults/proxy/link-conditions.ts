// What a faulty line does to the bytes that travel one way over it. `CLEAR` is a good line.

export interface LinkConditions {
  /** `hold`: nothing passes and nothing is lost, as when packets are not answered; `swallow`: bytes are read and forgotten. */
  readonly flow: 'pass' | 'hold' | 'swallow';
  readonly delayMs: number;
  /** The delay differs by at most so much either way; order is kept. */
  readonly jitterMs: number;
  readonly bytesPerSecond: number;
  /** How many chunks of a hundred are lost on the way and sent again: TCP's user sees that they come late, in order. */
  readonly lossPercent: number;
  /** How late that is; Linux sends again after 200 ms at the earliest. */
  readonly resendMs: number;
  /** Changes bytes in place; says whether it did. */
  readonly corrupt: ((chunk: Buffer) => boolean) | null;
}

export const CLEAR: LinkConditions = {
  flow: 'pass',
  delayMs: 0,
  jitterMs: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  lossPercent: 0,
  resendMs: 200,
  corrupt: null,
};
