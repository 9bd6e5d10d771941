// Where another edge takes requests over HTTP, from the URL at which it takes WebSockets. Pure.

import { STREAM_PATH } from '../stream-path.ts';

/** `wss://edge-2.example.com/v1/stream` is `https://edge-2.example.com`: `/v1/topics/…` goes behind it. */
export const httpUrlOfEdge = (clientUrl: string): string => {
  const url = clientUrl.replace(/^ws/, 'http');
  return url.endsWith(STREAM_PATH) ? url.slice(0, -STREAM_PATH.length) : url;
};
