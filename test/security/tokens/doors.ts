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
  /** Whether a credential stands there by itself, without the header's `Bearer `. */
  readonly isBare: boolean;
  /** @param authorization the header as it is; null: none */
  readonly knock: (authorization: string | null) => Promise<Knock>;
}

export function httpDoor(name: string, url: string, method: string, path: string, body?: unknown, more = {}): Door {
  return {
    name,
    isBare: false,
    knock: async (authorization) => {
      const { status, text: said } = await ask(url, method, path, {
        ...(body === undefined ? {} : { body }),
        headers: { ...more, ...(authorization === null ? {} : { authorization }) },
      });
      return { isOpen: status !== 401, said: `${status} ${said}` };
    },
  };
}

/** The ways in which a WebSocket client may say who it is. */
const WAYS = ['header', 'subprotocol', 'first message'] as const;

/** The Authorization header as it is by the first way; by the others what stands in it behind `Bearer `. */
export const streamDoors = (edge: TestProcess): Door[] => WAYS.map((way) => streamDoor(edge, way));

function streamDoor({ clientUrl }: TestProcess, way: (typeof WAYS)[number]): Door {
  const port = Number(new URL(clientUrl).port);
  return {
    name: `WebSocket, by ${way}`,
    isBare: way !== 'header',
    knock: async (authorization) => {
      const credential = authorization === null ? null : authorization.replace(/^Bearer /, '');
      const client = await RawWebSocket.open({ port, headers: headersOf(way, authorization, credential) });
      const first = { type: 'auth', credential };
      if (way === 'first message' && credential !== null) await client.write(text(JSON.stringify(first)));
      await client.write(text(message('who')));
      const isOver = (): boolean => client.isEnded || client.seen.some((what) => /^(answer|error|close)/.test(what));
      await client.until(isOver, 'an answer');
      const said = client.messages.filter((one) => one.includes('"error"')).map((one) => JSON.parse(one));
      client.destroy();
      const { code, message: sentence } = said[0] ?? {};
      return { isOpen: client.seen.includes('answer:who'), said: `${code} ${sentence}` };
    },
  };
}

function headersOf(way: (typeof WAYS)[number], authorization: string | null, credential: string | null) {
  if (credential === null || way === 'first message') return {};
  if (way === 'header') return { Authorization: authorization ?? '' };
  const carried = `mds.auth.${Buffer.from(credential).toString('base64url')}`;
  return { 'Sec-WebSocket-Protocol': `mds.v1.json, ${carried}` };
}
