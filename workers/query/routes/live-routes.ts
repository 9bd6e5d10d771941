// /v1/topics/{topic}/aggregate/stream, as an event stream or a WebSocket.

import { GRANT } from '../../../platform/http-door/access.ts';
import type { App } from '../../../platform/rest-app.ts';
import type { TopicCatalog } from '../../../platform/topic-catalog.ts';
import { LiveQuery, StreamedMessage } from '../../../schemas/api/live.ts';
import { asMdsError } from '../http-server.ts';
import type { LiveQueries, LiveSubscription } from '../live/live-queries.ts';
import { endMessage } from '../live/live-query.ts';
import { eventStreamSink, SPOKEN_TO, webSocketSink } from '../live/sinks.ts';
import { ByTopic } from './by-topic.ts';
import { problemsOf } from './problems.ts';
import { AGGREGATE_CODES } from './rollup-routes.ts';

export interface LiveRouteParts {
  readonly catalog: Pick<TopicCatalog, 'named'>;
  readonly live: LiveQueries;
}

export function liveRoutes(app: App, { catalog, live }: LiveRouteParts): void {
  app.route({
    method: 'GET',
    url: '/v1/topics/:topic/aggregate/stream',
    config: { access: GRANT('subscribe', { param: 'topic' }), staysOpen: true },
    schema: {
      tags: ['data'],
      summary: 'An aggregation as a stream: rows as they change, with revisions for late events',
      description:
        'Server-sent events: `begin`, `rows` and, as the last one, `end`. The same URL takes a WebSocket, with each message as a text frame. A reader that is slow gets the newest revision of each row.',
      params: ByTopic,
      querystring: LiveQuery,
      response: {
        200: { description: 'A stream of events.', content: { 'text/event-stream': { schema: StreamedMessage } } },
        ...problemsOf(...AGGREGATE_CODES, 'MDS_LIVE_TOO_MANY'),
      },
    },
    handler: async ({ identity, params, query }, reply) => {
      const topic = await catalog.named(identity.tenant, params.topic);
      const { raw } = reply;
      let subscription: LiveSubscription | undefined;
      const sink = eventStreamSink(raw, () => subscription?.resume());
      // Held back until there is a first answer: until then an error is a problem like any other.
      const begun = {
        write: (message: Parameters<typeof sink.write>[0]): boolean => {
          if (!raw.headersSent) {
            reply.hijack();
            for (const [name, value] of Object.entries(reply.getHeaders()))
              if (value !== undefined) raw.setHeader(name, value);
            raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
          }
          return sink.write(message);
        },
        end: sink.end,
      };
      subscription = await live.subscribe(identity, topic, query, begun);
      const { leave } = subscription;
      if (raw.destroyed) leave();
      else raw.once('close', leave);
      return reply;
    },
    wsHandler: async (socket, request) => {
      socket.on('error', () => socket.terminate()); // what breaks the protocol is closed; nothing is lost with it
      let subscription: LiveSubscription | undefined;
      const sink = webSocketSink(socket, () => subscription?.resume());
      socket.on('message', () => sink.end(endMessage(SPOKEN_TO)));
      try {
        const { identity, params, query } = request;
        const topic = await catalog.named(identity.tenant, params.topic);
        subscription = await live.subscribe(identity, topic, query, sink);
        const { leave } = subscription;
        if (socket.readyState !== socket.OPEN) leave();
        else socket.once('close', leave);
      } catch (thrown) {
        sink.end(endMessage(asMdsError(thrown)));
      }
    },
  });
}
