// Plays Centrifugo's part of its documented protocol, as far as the bench's clients and publisher use it: connect, subscribe
// with a tags filter, pings, several replies in one message, and the batch API. It shows that our side speaks as documented;
// what Centrifugo itself does only Centrifugo can show (docs/capacity.md).

import { createServer } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';

interface Subscriber {
  readonly socket: WebSocket;
  readonly channel: string;
  readonly host: string | undefined;
}

export interface PlayedCentrifugo {
  readonly url: string;
  readonly apiUrl: string;
  /** Answers to its pings. */
  readonly pongs: () => number;
  close(): void;
}

export async function playCentrifugo(apiKey: string): Promise<PlayedCentrifugo> {
  const subscribers: Subscriber[] = [];
  let pongs = 0;
  const http = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => {
      body += String(part);
    });
    request.on('end', () => {
      if (request.headers['x-api-key'] !== apiKey || request.url !== '/api/batch') {
        response.writeHead(401).end('unauthorized');
        return;
      }
      for (const { publish } of JSON.parse(body).commands) deliver(publish);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"replies":[]}');
    });
  });
  const deliver = ({
    channel,
    data,
    tags,
  }: {
    channel: string;
    data: unknown;
    tags?: Record<string, string>;
  }): void => {
    const push = JSON.stringify({ push: { channel, pub: { data, tags } } });
    for (const subscriber of subscribers) {
      if (subscriber.channel !== channel) continue;
      if (subscriber.host === undefined || subscriber.host === tags?.host) subscriber.socket.send(push);
    }
  };
  const sockets = new WebSocketServer({ server: http, path: '/connection/websocket' });
  sockets.on('connection', (socket) => {
    socket.on('message', (message) => {
      for (const command of String(message)
        .split('\n')
        .map((line) => JSON.parse(line))) {
        if (Object.keys(command).length === 0) pongs++;
        else if (command.connect) socket.send(`${JSON.stringify({ id: command.id, connect: { client: 'x' } })}\n{}`);
        else if (command.subscribe?.channel.startsWith('secret:'))
          socket.send(JSON.stringify({ id: command.id, error: { code: 103, message: 'permission denied' } }));
        else if (command.subscribe) {
          subscribers.push({ socket, channel: command.subscribe.channel, host: command.subscribe.tf?.val });
          socket.send(JSON.stringify({ id: command.id, subscribe: {} }));
        }
      }
    });
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', () => resolve()));
  const address = http.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `ws://127.0.0.1:${port}/connection/websocket`,
    apiUrl: `http://127.0.0.1:${port}/api`,
    pongs: () => pongs,
    close() {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      http.close();
      http.closeAllConnections();
    },
  };
}
