// Which offsets to read for the last events of a topic: from the ends of its partitions backwards, a little at first, then
// as much as what was read lets expect. Pure; whoever reads tells what was found.

export interface PartitionRange {
  readonly partition: number;
  /** First offset that still exists, and one more than the last. */
  readonly lowOffset: number;
  readonly highOffset: number;
}

/** Records from `from` up to, not including, `to`. */
export interface OffsetWindow {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

/** What was read so far. */
export interface ReadSoFar {
  readonly records: number;
  readonly events: number;
  readonly bytes: number;
  /** With all events that are wanted at hand: the time of the oldest of them, ms since 1970. */
  readonly cutMs: number | null;
}

interface Reading {
  readonly partition: number;
  readonly lowOffset: number;
  readonly highOffset: number;
  from: number;
  oldestMs: number;
}

/** Enough to see how many events a record has; of large batch records it is 1 MiB and more for each partition. */
const FIRST_RECORDS = 16;
/** Records differ: a fifth more than expected spares most second helpings. */
const MARGIN = 1.2;

export class BackwardRead {
  readonly #wanted: number;
  readonly #maxBytes: number;
  readonly #readings: Reading[];
  #begun = false;

  constructor(ranges: readonly PartitionRange[], wanted: number, maxBytes: number) {
    this.#wanted = wanted;
    this.#maxBytes = maxBytes;
    this.#readings = ranges.map((range) => ({
      ...range,
      from: range.highOffset,
      oldestMs: Number.POSITIVE_INFINITY,
    }));
  }

  /** A record that was read, and its Kafka timestamp. */
  saw(partition: number, timestampMs: number): void {
    const reading = this.#readings.find((one) => one.partition === partition);
    if (reading) reading.oldestMs = Math.min(reading.oldestMs, timestampMs);
  }

  /** @returns none when the last events are at hand, or nothing more may be read */
  next(soFar: ReadSoFar): OffsetWindow[] {
    const open = this.#readings.filter(
      (reading) => reading.from > reading.lowOffset && this.#mayHoldMore(reading, soFar),
    );
    if (open.length === 0) return [];
    const records = this.#begun ? this.#recordsEach(open.length, soFar) : FIRST_RECORDS;
    this.#begun = true;
    if (records < 1) return [];
    return open.map((reading) => {
      const to = reading.from;
      reading.from = Math.max(reading.lowOffset, to - Math.min(records, this.#wanted));
      return { partition: reading.partition, from: reading.from, to };
    });
  }

  /** True when a partition has records that were not read. */
  get hasMore(): boolean {
    return this.#readings.some(({ from, lowOffset }) => from > lowOffset);
  }

  /** What is older in the partition is, as a rule, older than what was read of it. */
  #mayHoldMore({ oldestMs }: Reading, { cutMs }: ReadSoFar): boolean {
    return cutMs === null || oldestMs > cutMs;
  }

  #recordsEach(partitions: number, { records, events, bytes, cutMs }: ReadSoFar): number {
    const missing = cutMs === null ? this.#wanted - events : this.#wanted / this.#readings.length;
    const expected = Math.ceil(((missing * records) / Math.max(1, events)) * MARGIN);
    const affordable = bytes === 0 ? expected : ((this.#maxBytes - bytes) * records) / bytes;
    if (affordable < partitions) return 0;
    return Math.max(1, Math.floor(Math.min(expected, affordable) / partitions));
  }
}
