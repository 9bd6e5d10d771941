// All suites, in the order in which `make bench` runs them.

import type { Suite } from './suite.ts';
import { burstSuite } from './suites/burst.ts';
import { ceilingsSuite } from './suites/ceilings.ts';
import { connectionsSuite } from './suites/connections.ts';
import { doorsSuite } from './suites/doors.ts';
import { fanoutSuite } from './suites/fanout.ts';
import { firehoseSuite } from './suites/firehose.ts';
import { ingestSuite } from './suites/ingest.ts';
import { kernelSuite } from './suites/kernel.ts';
import { peerSuite } from './suites/peer.ts';
import { replaySuite } from './suites/replay.ts';
import { restSuite } from './suites/rest.ts';
import { scalingSuite } from './suites/scaling.ts';
import { singleSuite } from './suites/single.ts';
import { subscribeSuite } from './suites/subscribe.ts';

export const SUITES: readonly Suite[] = [
  kernelSuite,
  ceilingsSuite,
  firehoseSuite,
  fanoutSuite,
  singleSuite,
  burstSuite,
  subscribeSuite,
  replaySuite,
  connectionsSuite,
  doorsSuite,
  scalingSuite,
  ingestSuite,
  restSuite,
  peerSuite,
];
