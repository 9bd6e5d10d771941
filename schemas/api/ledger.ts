// The delivery ledger as the REST API shows it: what became of the events of a durable subscription, minute by minute.

import { type Static, Type } from 'typebox';

const Count = Type.Integer({ minimum: 0 });

/** A day: as many numbers as a chart shows. */
export const MAX_LEDGER_MINUTES = 1440;

const counts = {
  matched: Type.Integer({ minimum: 0, description: 'Events that matched and were met for the first time.' }),
  sent: Type.Integer({ minimum: 0, description: 'Given to a consumer for the first time.' }),
  acknowledged: Count,
  redelivered: Type.Integer({ minimum: 0, description: 'Given to a consumer again.' }),
  negative: Type.Integer({ minimum: 0, description: 'Refused by a consumer.' }),
  deadLettered: Count,
  expired: Type.Integer({ minimum: 0, description: 'Records that Kafka no longer had.' }),
  skipped: Type.Integer({ minimum: 0, description: 'In flight when a seek went over them.' }),
};

export const LedgerCounts = Type.Object(counts);
export type LedgerCounts = Static<typeof LedgerCounts>;

export const LedgerMinute = Type.Object({
  minute: Type.String({ description: 'Begin of the minute, RFC 3339, UTC.' }),
  ...counts,
});
export type LedgerMinute = Static<typeof LedgerMinute>;

export const LedgerQuery = Type.Object(
  {
    from: Type.Optional(Type.String({ format: 'date-time', description: 'Default: an hour before `to`.' })),
    to: Type.Optional(Type.String({ format: 'date-time', description: 'Not included. Default: now.' })),
  },
  { additionalProperties: false },
);

export const DeliveryLedger = Type.Object({
  subscription: Type.String({ description: 'Id' }),
  from: Type.String(),
  to: Type.String(),
  items: Type.Array(LedgerMinute, { description: 'Minutes in which something happened, oldest first.' }),
  total: LedgerCounts,
  isCurrent: Type.Boolean({ description: 'false: Redis cannot be reached, so the last minutes may lack something.' }),
});
export type DeliveryLedger = Static<typeof DeliveryLedger>;
