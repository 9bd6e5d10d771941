// Live queries: an aggregation as a stream of rows. Over SSE each message is an event named by its type, over WebSocket a
// text frame.

import { type Static, Type } from 'typebox';
import { AggregateQuery, type AggregateRow } from './data.ts';

/** An hour of minutes; each is looked at again whenever something came. */
export const MAX_LIVE_WINDOWS = 60;

const { functions, groupBy, window, filter } = AggregateQuery.properties;

export const LiveQuery = Type.Object(
  {
    functions,
    groupBy,
    window,
    filter,
    windows: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_LIVE_WINDOWS,
        description: 'How many windows up to now are kept up to date, for late events. Default: 5.',
      }),
    ),
  },
  { additionalProperties: false },
);
export type LiveQuery = Static<typeof LiveQuery>;

/** As an event stream has it: https://html.spec.whatwg.org/multipage/server-sent-events.html */
export const StreamedMessage = Type.Object(
  {
    event: Type.Union([Type.Literal('begin'), Type.Literal('rows'), Type.Literal('end')]),
    data: Type.String({ contentMediaType: 'application/json', description: 'The message, on one line.' }),
  },
  { description: 'Each event of the stream.' },
);

export interface LiveRow extends AggregateRow {
  /** 1 when the row is first told, one more each time that it has changed. */
  readonly revision: number;
}

export type LiveMessage =
  | {
      readonly type: 'begin';
      readonly topic: string;
      readonly windowSeconds: number;
      readonly windows: number;
      readonly groupBy: readonly string[];
      readonly functions: readonly string[];
    }
  | {
      readonly type: 'rows';
      /** Those that are new or have changed; each takes the place of the one with its start and group. */
      readonly rows: readonly LiveRow[];
      readonly isComplete: boolean;
      /** Revisions that were left out because newer ones came before this reader had read. */
      readonly skippedRevisions: number;
    }
  /** The last message: what happened, as a problem. */
  | { readonly type: 'end'; readonly code: string; readonly detail: string; readonly retryable: boolean };
