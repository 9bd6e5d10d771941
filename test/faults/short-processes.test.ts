// Stream workers die and freeze, and everything is stopped in turn, shortly; in full: make test-faults.

import t from 'tap';
import { testShortSet } from './framework/short-set.ts';

testShortSet(t, ['R1', 'R2', 'R3']);
