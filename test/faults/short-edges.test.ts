// An edge dies with its clients, shortly; in full: make test-faults.

import t from 'tap';
import { testShortSet } from './framework/short-set.ts';

testShortSet(t, ['R10']);
