// Redis dies and falls silent, Kafka loses a leader and deletes what was wanted, shortly; in full: make test-faults.

import t from 'tap';
import { testShortSet } from './framework/short-set.ts';

testShortSet(t, ['R4', 'R5', 'R7', 'R15']);
