// Plans as small as can be, for kernel tests: an event {n} matches when n leaves `rest` divided by `modulus`, and is
// transcoded to its number behind a tag. So what must come out can be said without any of the project's plan code.

import avsc from 'avsc';
import { encodeConfluent } from '../../../../schemas/confluent-wire.ts';
import type { PlanCompiler } from '../../../../workers/stream/kernel/plan-compiler.ts';

export interface ModelPlan {
  readonly modulus: number;
  readonly rest: number;
  readonly tag: string;
}

export const matchesModel = ({ modulus, rest }: ModelPlan, n: number): boolean => n % modulus === rest;
export const textOf = ({ tag }: ModelPlan, n: number): string => `${tag}${n}`;

export interface CountingCompiler extends PlanCompiler {
  /** Every transcoding, as `text`. */
  readonly transcoded: string[];
  /** Tag of each plan that was compiled. */
  readonly compiled: string[];
}

/** @throws in `compile` for a plan without a modulus */
export function modelCompiler(): CountingCompiler {
  const transcoded: string[] = [];
  const compiled: string[] = [];
  return {
    transcoded,
    compiled,
    compile: (given) => {
      const plan = given as ModelPlan;
      compiled.push(plan.tag);
      if (!plan.modulus) throw new Error('no modulus');
      return {
        matches: ({ n }) => matchesModel(plan, Number(n)),
        project: ({ n }) => {
          const text = textOf(plan, Number(n));
          transcoded.push(text);
          return Buffer.from(text);
        },
        projectionKey: plan.tag,
      };
    },
  };
}

export const EVENT_SCHEMA = { type: 'record', name: 'Tick', fields: [{ name: 'n', type: 'int' }] };
export const BATCH_SCHEMA = {
  type: 'record',
  name: 'Ticks',
  'mds.batch': 'ticks',
  fields: [{ name: 'ticks', type: { type: 'array', items: EVENT_SCHEMA } }],
};
export const EVENT_ID = 1;
export const BATCH_ID = 2;
const eventType = avsc.Type.forSchema(EVENT_SCHEMA as avsc.Schema);
const batchType = avsc.Type.forSchema(BATCH_SCHEMA as unknown as avsc.Schema);

export const encodeEvent = (n: number): Uint8Array => encodeConfluent(EVENT_ID, eventType.toBuffer({ n }));
export const encodeBatch = (ns: readonly number[]): Uint8Array =>
  encodeConfluent(BATCH_ID, batchType.toBuffer({ ticks: ns.map((n) => ({ n })) }));
