// Ten random schedules of faults, new ones each time; the seed of one that fails is printed, for
// make test-faults ONLY=R17 SHORT=1 SEED=…

import t from 'tap';
import { testShortSet } from './framework/short-set.ts';

testShortSet(t, ['R17']);
