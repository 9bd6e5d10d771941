// Events as small as can be, for kernel tests: a tick has a number and a text. What must come out for the plans used
// here can be said without any of the project's plan code.

import avsc from 'avsc';
import { parseAvroSchema } from '../../../../schemas/avro/parse.ts';
import { encodeConfluent } from '../../../../schemas/confluent-wire.ts';
import { makePlan, type Plan, type PlanRequest } from '../../../../schemas/plan/plan.ts';

export const TICK_SCHEMA = {
  type: 'record',
  name: 'Tick',
  fields: [
    { name: 'n', type: 'int' },
    { name: 'text', type: 'string' },
  ],
};
export const TICKS_SCHEMA = {
  type: 'record',
  name: 'Ticks',
  'mds.batch': 'ticks',
  fields: [{ name: 'ticks', type: { type: 'array', items: TICK_SCHEMA } }],
};
export const TICK_ID = 1;
export const TICKS_ID = 2;

const schema = parseAvroSchema(TICK_SCHEMA);
export const tickPlan = (request: PlanRequest = {}): Plan => makePlan(request, schema);

export const ALL = tickPlan();
export const EVEN = tickPlan({ filter: 'n % 2 == 0' });
export const ODD = tickPlan({ filter: 'n % 2 == 1' });

const tickType = avsc.Type.forSchema(TICK_SCHEMA as avsc.Schema);
const ticksType = avsc.Type.forSchema(TICKS_SCHEMA as unknown as avsc.Schema);

interface Tick {
  readonly n: number;
  readonly text: string;
}

export const encodeEvent = (n: number, text = ''): Uint8Array =>
  encodeConfluent(TICK_ID, tickType.toBuffer({ n, text }));
export const encodeTicks = (ticks: readonly Tick[]): Uint8Array =>
  encodeConfluent(TICKS_ID, ticksType.toBuffer({ ticks }));
export const encodeBatch = (ns: readonly number[], text = ''): Uint8Array => encodeTicks(ns.map((n) => ({ n, text })));

/** The whole event as its plans write it. */
export const textOf = (n: number, text = ''): string => `{"n":${n},"text":"${text}"}`;
