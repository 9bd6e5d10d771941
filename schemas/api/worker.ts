// Stream workers as the REST API shows them, and keeping partitions away from one.

import { type Static, Type } from 'typebox';
import { WorkerHeartbeat } from '../coordination.ts';
import { listOf } from './paging.ts';

const Count = Type.Integer({ minimum: 0 });

const isCordoned = Type.Union([Type.Boolean(), Type.Null()], {
  description: 'True: an operator wants it without partitions. null: not known, since Postgres is away.',
});

export const Worker = Type.Object({ ...WorkerHeartbeat.properties, isCordoned });
export type Worker = Static<typeof Worker>;
export const WorkerList = listOf(Worker);
export type WorkerList = Static<typeof WorkerList>;

export const OwnedPartitionOfTopic = Type.Object({
  topic: Type.String({ description: 'Name; empty when it is not known (any more).' }),
  tenant: Type.String(),
  topicId: Count,
  partition: Count,
  epoch: Count,
  nextOffset: Type.Integer({ minimum: -1 }),
  lagRecords: Count,
});

export const WorkerDetail = Type.Object({
  ...Worker.properties,
  lagRecords: Count,
  partitions: Type.Array(OwnedPartitionOfTopic, { description: 'Those that lag most come first.' }),
});
export type WorkerDetail = Static<typeof WorkerDetail>;

export const CordonRequest = Type.Object(
  {
    force: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'Also when no other worker runs; it keeps its partitions until one does.',
      }),
    ),
  },
  { additionalProperties: false },
);
