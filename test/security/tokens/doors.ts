// Every door that asks who somebody is, and how to knock at it.

import type { TestProcess } from '../../integration/harness/processes.ts';
import { ask } from '../harness/guarded-service.ts';
import { message } from '../websocket/conformance-case.ts';
import { RawWebSocket, text } from '../websocket/raw-websocket.ts';

/** `open`: whoever shows this is somebody; else what the refusal was. */
export interface Knock {
  readonly isOpen: boolean;
  readonly said: string;
}

export interface Door {
  readonly name: string;
  /** @param authorization the header as it is; null: none */
  readonly knock: (authorization: string | null) => Promise<Knock>;
}

export function httpDoor(name: string, url: string, method: string, path: string, body?: unknown): Door {
  return {
    name,
    knock: async (authorization) => {
      const { status, text: said } = await ask(url, method, path, {
        ...(body === undefined ? {} : { body }),
        headers: authorization === null ? {} : { authorization },
      });
      return { isOpen: status !== 401, said: `${status} ${said}` };
    },
  };
}

/** By header; by subprotocol and by first message it is the same check (test/workers/edge/entry). */
export function streamDoor({ clientUrl }: TestProcess): Door {
  const port = Number(new URL(clientUrl).port);
  return {
    name: 'edge, WebSocket',
    knock: async (authorization) => {
      let client: RawWebSocket;
      try {
        client = await RawWebSocket.open({
          port,
          headers: authorization === null ? {} : { Authorization: authorization },
        });
      } catch (error) {
        return { isOpen: false, said: String(error) };
      }
      await client.write(text(message('who')));
      await client.until(() => client.isEnded || client.seen.some((what) => /^(answer|error)/.test(what)), 'an answer');
      const knock = { isOpen: client.seen.includes('answer:who'), said: client.seen.join(', ') };
      client.destroy();
      return knock;
    },
  };
}
