// Connections as sinks of a live query: an event stream over HTTP, and a WebSocket.

import type { ServerResponse } from 'node:http';
import type { WebSocket } from 'ws';
import type { LiveMessage } from '../../../schemas/api/live.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { LiveSink } from './live-reader.ts';

/** Node's own buffer takes 16 KB before it says that it is full; a WebSocket has no such word, so it is said here. */
const MAX_BUFFERED_BYTES = 65_536;
/** How often a WebSocket that was full is looked at. */
const DRAIN_LOOK_MS = 50;
/** Comments that keep proxies from closing a stream that has nothing to say. */
const HEARTBEAT_MS = 15_000;

const isEnd = (message: LiveMessage): boolean => message.type === 'end';

/** @param onDrain there is room again */
export function eventStreamSink(response: ServerResponse, onDrain: () => void): LiveSink {
  response.on('drain', onDrain);
  let heartbeat: NodeJS.Timeout | undefined;
  response.once('close', () => clearInterval(heartbeat));
  return {
    write: (message) => {
      // From the first message on: before it the answer may still become a problem.
      heartbeat ??= setInterval(() => {
        if (!response.writableNeedDrain) response.write(':\n\n');
      }, HEARTBEAT_MS);
      return response.write(eventText(message));
    },
    end: (message) => response.end(eventText(message)),
  };
}

/** https://html.spec.whatwg.org/multipage/server-sent-events.html: JSON has no line ends. */
const eventText = (message: LiveMessage): string => `event: ${message.type}\ndata: ${JSON.stringify(message)}\n\n`;

/** Close codes as on edges (schemas/close-codes.ts): 1000 and above say nothing of it, the last message does. */
const CLOSE_CODES = { retry: 1013, final: 1008 } as const;

export function webSocketSink(socket: WebSocket, onDrain: () => void): LiveSink {
  let drain: NodeJS.Timeout | undefined;
  const heartbeat = setInterval(() => socket.ping(), HEARTBEAT_MS);
  socket.once('close', () => {
    clearInterval(heartbeat);
    clearInterval(drain);
  });
  const isFull = (): boolean => socket.bufferedAmount > MAX_BUFFERED_BYTES;
  return {
    write: (message) => {
      if (socket.readyState !== socket.OPEN) return false;
      socket.send(JSON.stringify(message));
      if (!isFull()) return true;
      drain ??= setInterval(() => {
        if (isFull()) return;
        clearInterval(drain);
        drain = undefined;
        onDrain();
      }, DRAIN_LOOK_MS);
      return false;
    },
    end: (message) => {
      if (socket.readyState !== socket.OPEN) return;
      socket.send(JSON.stringify(message));
      const retryable = isEnd(message) && 'retryable' in message && message.retryable;
      socket.close(retryable ? CLOSE_CODES.retry : CLOSE_CODES.final, 'code' in message ? message.code : '');
    },
  };
}

/** What a client may say: nothing. */
export const SPOKEN_TO = new MdsError('MDS_REQUEST_INVALID', { problems: ['a live query takes no messages'] });
