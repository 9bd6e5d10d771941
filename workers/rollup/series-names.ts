// The series of one rollup: every key has a number that stands for it in blocks, given once by Postgres to all workers. When
// a rollup has as many series as it may have, what is new counts in the overflow series.

/** Number of the series that takes what has none of its own. */
export const OVERFLOW = 0;
const PENDING = -1;

export class SeriesNames {
  readonly #maxSeries: number;
  readonly #places = new Map<string, number>();
  /** By place: key, and its number; place 0 is the overflow. */
  readonly #keys: string[] = [''];
  readonly #ids: number[] = [OVERFLOW];
  #pending: number[] = [];
  #isFull = false;

  /** @param known keys with their numbers, as Postgres has them */
  constructor(maxSeries: number, known: Iterable<readonly [key: string, id: number]>) {
    this.#maxSeries = maxSeries;
    for (const [key, id] of known) this.#add(key, id);
    this.#isFull = this.#keys.length > maxSeries;
  }

  /** @returns where the series stands here: the same as long as this object lives */
  placeOf(key: string): number {
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    if (this.#isFull || this.#keys.length > this.#maxSeries) return OVERFLOW;
    this.#pending.push(this.#keys.length);
    return this.#add(key, PENDING);
  }

  /** Keys that have no number yet. */
  pending(): string[] {
    return this.#pending.map((place) => this.#keys[place] ?? '');
  }

  /** @param given numbers of pending keys; a key that got none belongs to the overflow from now on */
  named(given: ReadonlyMap<string, number>): void {
    for (const place of this.#pending) {
      const id = given.get(this.#keys[place] ?? '');
      this.#ids[place] = id ?? OVERFLOW;
      if (id === undefined) this.#isFull = true;
    }
    this.#pending = [];
  }

  /** The number of a place, none of which may be pending. */
  idOf(place: number): number {
    return Math.max(OVERFLOW, this.#ids[place] ?? OVERFLOW);
  }

  #add(key: string, id: number): number {
    const place = this.#keys.push(key) - 1;
    this.#ids.push(id);
    this.#places.set(key, place);
    return place;
  }
}
