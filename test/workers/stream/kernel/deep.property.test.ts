// The kernel against the model of filters, in depth: random schemas and writers evolved from them, records in every
// encoding Avro allows, filters and projections of all kinds, channels that come and go, outputs of all sizes.
// More of it: MDS_PROPERTY_CASES=1000000 node test/workers/stream/kernel/deep.property.test.ts, or make fuzz.

import t from 'tap';
import { histories } from '../../../fuzz/kernel-targets.ts';
import { assertHolds } from '../../../fuzz/property.ts';

/** Pairs of a filter and a writer's schema that met events. About 15 s of CPU. */
const CASES = 12_000;

t.test(
  'each channel gets what the model says, exactly once, in order, whatever the schema, the encoding and the plan',
  async (t) => {
    assertHolds(t, histories, CASES);
  },
);
