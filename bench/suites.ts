// All suites, in the order in which `make bench` runs them.

import type { Suite } from './suite.ts';
import { ceilingsSuite } from './suites/ceilings.ts';
import { firehoseSuite } from './suites/firehose.ts';
import { kernelSuite } from './suites/kernel.ts';
import { peerSuite } from './suites/peer.ts';

export const SUITES: readonly Suite[] = [kernelSuite, ceilingsSuite, peerSuite, firehoseSuite];
