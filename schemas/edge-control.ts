// What the control plane and an edge tell each other about the edge's clients, through Redis. Neither key is needed for
// events to flow, and losing one changes nothing: an edge does what it was last told.
//
//   evacuation:{edge}     EvacuationWish: written by the control plane, read by the edge with each beat
//   slow-clients:{edge}   SlowClients: written by the edge every few seconds, read by the control plane

import { type Static, Type } from 'typebox';

export const edgeControlKeys = (prefix: string) => ({
  evacuation: (edgeId: string) => `${prefix}:evacuation:${edgeId}`,
  slowClients: (edgeId: string) => `${prefix}:slow-clients:${edgeId}`,
});
export type EdgeControlKeys = ReturnType<typeof edgeControlKeys>;

/** A hundred beats: an edge that did not read a wish in that time is gone. */
export const EVACUATION_WISH_TTL_MS = 60_000;
/** How often the list of slow clients is written; it expires when its edge is gone. */
export const SLOW_CLIENTS_INTERVAL_MS = 2000;
export const SLOW_CLIENTS_TTL_MS = 10_000;
/** As many as fit a screen. */
export const MAX_SLOW_CLIENTS = 20;

/** 100: a minute and a half for 10,000 clients, and each second no more than a second edge starts up with anyway. */
export const DEFAULT_CLIENTS_PER_SECOND = 100;
export const ClientsPerSecond = Type.Number({ minimum: 0.1, maximum: 100_000 });

export const EvacuationWish = Type.Object({
  /** False: clients may come and stay again. */
  isWanted: Type.Boolean(),
  clientsPerSecond: ClientsPerSecond,
  /** Also while no other edge runs. */
  isForced: Type.Boolean(),
});
export type EvacuationWish = Static<typeof EvacuationWish>;

const Count = Type.Integer({ minimum: 0 });

export const SlowClient = Type.Object({
  connection: Type.String(),
  tenant: Type.String({ description: 'To which the client belongs.' }),
  peer: Type.String({ description: 'Network address of the client.' }),
  bufferedBytes: Type.Integer({ minimum: 0, description: 'Sent to it and not read yet.' }),
  worstBufferedBytes: Count,
  behindSinceMs: Type.Union([Count, Type.Null()], { description: 'ms since 1970; null: it has read everything.' }),
  droppedEvents: Type.Integer({ minimum: 0, description: 'Left out, as its overflow policies say.' }),
  conflatedEvents: Type.Integer({ minimum: 0, description: 'A later event of the same key came instead.' }),
  closedAtMs: Type.Union([Count, Type.Null()], { description: 'When it was closed as slow; null: it was not.' }),
  closedAsSlow: Type.Integer({
    minimum: 0,
    description: 'How often this edge closed clients of this address as slow.',
  }),
});
export type SlowClient = Static<typeof SlowClient>;

export const SlowClients = Type.Object({
  edgeId: Type.String(),
  atMs: Type.Integer({ minimum: 0, description: 'When the edge wrote the list, ms since 1970.' }),
  items: Type.Array(SlowClient, { description: 'The slowest first.' }),
});
export type SlowClients = Static<typeof SlowClients>;
