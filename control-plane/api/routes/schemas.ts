// /v1/schemas: for consumers of mds.v1.avro, whose events name the schema they were written with.

import { Type } from 'typebox';
import { ANYBODY } from '../../../platform/http-door/access.ts';
import { WriterSchema } from '../../../schemas/api/schema.ts';
import { eventSchemaOf } from '../../../schemas/avro/avro-type.ts';
import { avroJsonOf } from '../../../schemas/avro/json.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';
import { MdsError } from '../../../schemas/errors.ts';
import type { Queryable } from '../../store/queryable.ts';
import { topicsOfSchema } from '../../store/topics.ts';
import { isSubjectOf } from '../../topics/topic-names.ts';
import { type App, problemsOf } from '../app.ts';

export interface WriterSchemas {
  /** @returns Avro JSON text */
  getSchemaById(schemaId: number): Promise<{ readonly schema: string } | 'unknown'>;
  subjectsOf(schemaId: number): Promise<string[]>;
}

/** A year: the schema of an id never changes. For whoever asked, and for nobody between. */
const CACHE_CONTROL = 'private, max-age=31536000, immutable';
const MAX_SCHEMA_ID = 0xffffffff;

export function schemaRoutes(app: App, db: Queryable, schemas: WriterSchemas): void {
  app.get(
    '/v1/schemas/:schemaId',
    {
      config: { access: ANYBODY("schemas of its tenant's topics, also earlier versions") },
      schema: {
        tags: ['schemas'],
        summary: 'Read the schema that events were written with',
        description: 'It never changes and may be kept for ever.',
        params: Type.Object({ schemaId: Type.Integer({ minimum: 0, maximum: MAX_SCHEMA_ID }) }),
        response: { 200: WriterSchema, ...problemsOf('MDS_SCHEMA_UNKNOWN_ID', 'MDS_SCHEMA_NOT_RECORD') },
      },
    },
    async ({ identity: { tenant }, params: { schemaId } }, reply) => {
      const isSeen = await isOfTenant(db, schemas, tenant, schemaId);
      const found = isSeen ? await schemas.getSchemaById(schemaId) : 'unknown';
      if (found === 'unknown') throw new MdsError('MDS_SCHEMA_UNKNOWN_ID', { schemaId });
      const shown = shownSchema(schemaId, found.schema);
      reply.header('cache-control', CACHE_CONTROL);
      return shown;
    },
  );
}

/** Earlier versions, and what was registered beside the topics, only the registry knows. */
async function isOfTenant(db: Queryable, schemas: WriterSchemas, tenant: string, schemaId: number): Promise<boolean> {
  if ((await topicsOfSchema(db, tenant, schemaId)).length > 0) return true;
  return (await schemas.subjectsOf(schemaId)).some((subject) => isSubjectOf(tenant, subject));
}

function shownSchema(schemaId: number, text: string): WriterSchema {
  const type = parseAvroSchema(text);
  if (type.kind !== 'record') throw new MdsError('MDS_SCHEMA_NOT_RECORD', { found: `of type ${type.kind}` });
  return { schemaId, schema: JSON.parse(text), eventSchema: avroJsonOf(eventSchemaOf(type)) };
}
