import t from 'tap';
import { mediaOf } from '../../../../workers/edge/http/media.ts';

for (const [accept, media] of [
  ['', 'stream'],
  ['*/*', 'stream'],
  ['text/event-stream', 'stream'],
  ['text/*', 'stream'],
  ['application/json', 'poll'],
  ['application/json, text/plain, */*', 'poll'],
  ['text/event-stream, application/json', 'stream'],
  ['text/event-stream;q=0.5, application/json', 'poll'],
  ['application/json;q=0.1, */*', 'stream'],
  ['text/event-stream;q=0, */*', 'poll'],
  ['TEXT/EVENT-STREAM; charset=utf-8', 'stream'],
  ['text/html', null],
  ['text/event-stream;q=0', null],
  ['application/json;q=nonsense', null],
] as const) {
  t.test(`Accept: ${accept || '(none)'} asks for ${media ?? 'neither'}`, async (t) => {
    t.equal(mediaOf(accept), media);
  });
}
