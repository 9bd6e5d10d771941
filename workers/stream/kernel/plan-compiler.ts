// The kernel's only view of plans: something that compiles one for a writer's schema. Tests put a model of their own here.

import type { AvroRecord } from '../../../schemas/avro/avro-type.ts';
import type { DecodedEvent } from '../../../schemas/avro/decoded-event.ts';

export interface CompiledPlan {
  readonly matches: (event: DecodedEvent) => boolean;
  /** Transcodes an event: UTF-8 JSON or raw Avro, as the plan's format says. */
  readonly project: (event: DecodedEvent) => Uint8Array;
  /** Equal for plans that transcode an event to the same bytes. */
  readonly projectionKey: string;
}

export interface PlanCompiler {
  /**
   * @param plan as it came from an edge
   * @param writerEventSchema what events were written with
   * @throws MdsError when the plan cannot be read or does not fit the schema
   */
  compile(plan: unknown, writerEventSchema: AvroRecord): CompiledPlan;
}
