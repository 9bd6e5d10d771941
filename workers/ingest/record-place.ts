// Where Kafka has the events of a claim, as short texts: in the header of each record, which says the places in the claim that
// its events have; and in Redis, for whoever asks for a duplicate's place. Pure.
//
//   header   "claim 0-499,510"                    record index i holds the i-th place of the list
//   settled  "partition,offset:0-499,510;…"       one part for each record that the claim has written
//            "partition,offset@17:511"            an event that an older claim had written, as record index 17

export interface Cursor {
  readonly partition: number;
  readonly offset: number;
  readonly recordIndex: number;
}

export interface PlacedRecord {
  readonly partition: number;
  readonly offset: number;
  /** Rising. */
  readonly places: readonly number[];
  /** Of an event that another claim has written; else the i-th place has record index i. */
  readonly recordIndex?: number;
}

/** @param numbers rising */
export function rangesText(numbers: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < numbers.length; ) {
    const first = numbers[i] ?? 0;
    let last = first;
    i++;
    while (i < numbers.length && numbers[i] === last + 1) {
      last++;
      i++;
    }
    parts.push(first === last ? String(first) : `${first}-${last}`);
  }
  return parts.join(',');
}

/** @returns how many numbers of the list stand before `wanted`; null when it is not in it, or the text is none of ours */
export function placeInRanges(text: string, wanted: number): number | null {
  let before = 0;
  for (const part of text.split(',')) {
    const range = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part);
    if (!range) return null;
    const first = Number(range[1]);
    const last = Number(range[2] ?? range[1]);
    if (wanted >= first && wanted <= last) return before + wanted - first;
    before += last - first + 1;
  }
  return null;
}

export const headerText = (claim: string, places: readonly number[]): string => `${claim} ${rangesText(places)}`;

/** @returns null when the header is none of ours */
export function readHeader(text: string): { readonly claim: string; readonly ranges: string } | null {
  const space = text.indexOf(' ');
  return space === -1 ? null : { claim: text.slice(0, space), ranges: text.slice(space + 1) };
}

export const settledText = (records: readonly PlacedRecord[]): string =>
  records
    .map(({ partition, offset, places, recordIndex }) => {
      const index = recordIndex === undefined ? '' : `@${recordIndex}`;
      return `${partition},${offset}${index}:${rangesText(places)}`;
    })
    .join(';');

/** @returns null when the text does not say where the event is */
export function cursorIn(settled: string, wanted: number): Cursor | null {
  for (const part of settled.split(';')) {
    const record = /^(\d+),(\d+)(?:@(\d+))?:(.*)$/.exec(part);
    const place = record ? placeInRanges(record[4] ?? '', wanted) : null;
    if (!record || place === null) continue;
    const recordIndex = record[3] === undefined ? place : Number(record[3]);
    return { partition: Number(record[1]), offset: Number(record[2]), recordIndex };
  }
  return null;
}
