// What commands that receive events say on stderr about their connection and about what they miss.

import type { ClientState, Gap, Shed } from '../library/index.ts';

/** In a row without a welcome: about a minute and a half, then the script that waits for us should know. */
export const MAX_ATTEMPTS = 10;

export function noteState(note: (text: string) => void, state: ClientState): void {
  if (state.state === 'waiting') note(`mds: ${state.error.message} Trying again in ${state.retryInMs} ms.`);
}

export const gapNote = ({ partition, from, to, code, message }: Gap): string =>
  `mds: partition ${partition} lacks (${from.offset}:${from.index}, ${to.offset}:${to.index}]: ${message} [${code}]`;

export const shedNote = ({ partition, from, to, count, reason }: Shed): string =>
  `mds: ${count} events ${reason} in partition ${partition} (${from.offset}:${from.index}, ${to.offset}:${to.index}]`;
