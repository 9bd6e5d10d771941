// Bounds on filters and projections. Whoever subscribes sends text that every worker compiles and runs on every event,
// so each limit says what it protects.

/** Twice the longest filter seen in the wild for such systems; keeps parsing under a millisecond. */
export const MAX_FILTER_CHARACTERS = 4096;
/** Parser, checker and compiler recurse; 32 levels are far below any stack and beyond what people write. */
export const MAX_FILTER_DEPTH = 32;
/** One `in` list is one hash lookup however long, but it is hashed, stored and sent to every worker. */
export const MAX_LIST_ITEMS = 1000;
/** Longer patterns compile to automata of many kilobytes, per filter and per worker thread. */
export const MAX_PATTERN_CHARACTERS = 512;
/** Bounded repetition multiplies: `(a{1000}){1000}` is a short pattern and a huge automaton. */
export const MAX_PATTERN_REPETITIONS = 1000;
/** One unit is roughly the price of one comparison (tens of ns), so the worst filter costs about 0.1 ms an event. */
export const MAX_FILTER_COST = 2000;
/** Items assumed in a list or map that a macro walks, when its cost is estimated. */
export const ASSUMED_COLLECTION_ITEMS = 10;
/** Deeper or longer projections mean that the client wants the whole event. */
export const MAX_PROJECTED_FIELDS = 256;
