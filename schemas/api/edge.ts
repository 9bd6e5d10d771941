// What an operator asks of an edge: to send its clients away at a rate.

import { type Static, Type } from 'typebox';
import { ClientsPerSecond, DEFAULT_CLIENTS_PER_SECOND } from '../edge-control.ts';

export const EvacuationRequest = Type.Object(
  {
    clientsPerSecond: Type.Optional(Type.Unsafe<number>({ ...ClientsPerSecond, default: DEFAULT_CLIENTS_PER_SECOND })),
    force: Type.Optional(
      Type.Boolean({ default: false, description: 'Also when no other edge runs that could take the clients.' }),
    ),
  },
  { additionalProperties: false },
);
export type EvacuationRequest = Static<typeof EvacuationRequest>;

const Count = Type.Integer({ minimum: 0 });

export const Evacuation = Type.Object({
  edgeId: Type.String(),
  clientsPerSecond: ClientsPerSecond,
  connections: Type.Integer({ minimum: 0, description: 'Clients of the edge when it was asked.' }),
  otherEdges: Type.Integer({ ...Count, description: 'Running edges that take them.' }),
});
export type Evacuation = Static<typeof Evacuation>;
