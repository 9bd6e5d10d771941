// The door for events in the topic's own schema (JSON, one a line, Avro) and for CloudEvents, which are mapped.

import { MdsError } from '../../../schemas/errors.ts';
import type { IngestResult } from '../../../schemas/ingest.ts';
import { isCloudEvent, readCloudEvents } from '../cloudevents/read.ts';
import { schemaIdOf } from '../event-reader.ts';
import type { Mappings } from '../mapping/mapping.ts';
import { answerText } from './answer-text.ts';
import type { Door, DoorRequest } from './door.ts';

const JSON_TYPE = 'application/json';
const AVRO_TYPE = 'application/vnd.mds.avro';
const LINE_TYPES = ['application/x-ndjson', 'application/jsonl', 'application/x-jsonlines'];
const KNOWN = [
  JSON_TYPE,
  LINE_TYPES[0],
  AVRO_TYPE,
  'application/cloudevents+json',
  'application/cloudevents-batch+json',
];

export const eventsDoor = (mappings: Mappings): Door => ({
  name: 'events',
  path: '/v1/topics/:topic/events',
  handle: async (request) => {
    const isMinimal = /(^|[,;\s])return=minimal\b/.test(String(request.headers.prefer ?? ''));
    return {
      status: 200,
      contentType: 'application/json; charset=utf-8',
      body: answerText(await resultsOf(request, mappings), isMinimal),
    };
  },
});

async function resultsOf(request: DoorRequest, mappings: Mappings): Promise<readonly IngestResult[]> {
  const { reader, body, mediaType, headers, take } = request;
  if (isCloudEvent(mediaType, headers)) return takeCloudEvents(request, mappings);
  if (mediaType === JSON_TYPE) return take(reader.json(body));
  if (LINE_TYPES.includes(mediaType)) return take(reader.lines(body));
  if (mediaType === AVRO_TYPE) return take(reader.avro(body, await request.writerOf(schemaIdOf(body))));
  throw new MdsError('MDS_MEDIA_TYPE_UNKNOWN', { found: mediaType || 'a body without content-type', known: KNOWN });
}

async function takeCloudEvents(request: DoorRequest, mappings: Mappings): Promise<readonly IngestResult[]> {
  const { headers, body, mediaType, nowMicros } = request;
  const map = mappings.cloudevents();
  const rejected: IngestResult[] = [];
  const sound: { readonly index: number; readonly event: unknown }[] = [];
  for (const [index, read] of readCloudEvents(headers, body, mediaType, nowMicros).entries()) {
    if ('facts' in read) sound.push({ index, event: map(read.facts) });
    else {
      const { code, message } = read.problem;
      rejected.push({ index, status: 'rejected', code, path: '$', detail: message });
    }
  }
  const results = await request.takeObjects(sound.map(({ event }) => event));
  const placed = results.map((result, i) => ({ ...result, index: sound[i]?.index ?? i }));
  return [...rejected, ...placed].sort((a, b) => a.index - b.index);
}
