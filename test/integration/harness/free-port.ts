// Ports for processes that a test starts. None is handed out twice by a test process: a port may be free because the process
// it is for has not begun to listen, or is down for a moment and comes back to it. Two random draws of a dozen processes met
// once in some hundred files, and then a process died of MDS_PORT_BUSY.

import { isPortFree } from '../../../deploy/local/port-holder.ts';
import { PORT_SPAN } from '../../../deploy/local/port-plan.ts';

/** Above the default ports of `make run` and below the ephemeral range of the kernel, so neither is in the way. */
const FIRST_PORT = 20_100;
const LAST_PORT = 31_900;
const ATTEMPTS = 50;

/** Where test processes that run beside each other begin differs. */
let next = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));

/** The first of so many ports in a row. */
function take(count: number): number {
  if (next + count > LAST_PORT) next = FIRST_PORT;
  const first = next;
  next += count;
  return first;
}

/** A port on loopback that nothing listens on, outside the ephemeral range. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = take(1);
    if (await isPortFree(port)) return port;
  }
  throw new Error(`no free port was found from ${FIRST_PORT} to ${LAST_PORT}`);
}

/** The first of a stack's ports, all of them free. */
export async function freePortBase(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const base = take(PORT_SPAN);
    const free = await Promise.all(Array.from({ length: PORT_SPAN }, (_, offset) => isPortFree(base + offset)));
    if (free.every(Boolean)) return base;
  }
  throw new Error(`no ${PORT_SPAN} free ports in a row were found from ${FIRST_PORT} to ${LAST_PORT}`);
}
