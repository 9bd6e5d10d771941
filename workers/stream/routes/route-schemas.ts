// Under which schema id a routed event stands in its target: the schema of one event as its writer had it, registered with
// the target's subject, so that a target that cannot take such events says so before the first one is written.

import type { SchemaRegistry } from '../../../platform/registry.ts';
import { eventSchemaOf } from '../../../schemas/avro/avro-type.ts';
import { avroJsonOf } from '../../../schemas/avro/json.ts';
import { parseAvroSchema } from '../../../schemas/avro/parse.ts';
import { MdsError } from '../../../schemas/errors.ts';

export class RouteSchemas {
  readonly #registry: Pick<SchemaRegistry, 'register'>;
  readonly #subject: string;
  readonly #schema: (schemaId: number) => Promise<string | null>;
  readonly #targets = new Map<number, Promise<number>>();

  constructor(
    registry: Pick<SchemaRegistry, 'register'>,
    targetKafkaTopic: string,
    schema: (schemaId: number) => Promise<string | null>,
  ) {
    this.#registry = registry;
    this.#subject = `${targetKafkaTopic}-value`;
    this.#schema = schema;
  }

  /** @throws MdsError `MDS_SCHEMA_INCOMPATIBLE` when the target's schema cannot become this one */
  targetIdOf(writerSchemaId: number): Promise<number> {
    let target = this.#targets.get(writerSchemaId);
    if (!target) {
      target = this.#register(writerSchemaId).catch((error: unknown) => {
        this.#targets.delete(writerSchemaId);
        throw error;
      });
      this.#targets.set(writerSchemaId, target);
    }
    return target;
  }

  async #register(schemaId: number): Promise<number> {
    const text = await this.#schema(schemaId);
    if (text === null) throw new MdsError('MDS_SCHEMA_UNKNOWN_ID', { schemaId });
    const type = parseAvroSchema(text);
    if (type.kind !== 'record') throw new MdsError('MDS_SCHEMA_NOT_RECORD', { found: type.kind });
    return this.#registry.register(this.#subject, JSON.stringify(avroJsonOf(eventSchemaOf(type))));
  }
}
