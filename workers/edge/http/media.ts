// Which of the two ways of reading events over HTTP an Accept header asks for. Pure.

/** `stream`: text/event-stream; `poll`: application/json. */
export type EventsMedia = 'stream' | 'poll';

interface Range {
  readonly type: string;
  readonly quality: number;
}

interface Match {
  readonly quality: number;
  /** 2: the type itself, 1: `text/*`, 0: `*` + `/*`. */
  readonly exactness: number;
}

/**
 * RFC 9110 §12.5.1: the most exact range that covers a type says how welcome it is.
 *
 * @param accept the header; empty when there is none
 * @returns of two that are equally welcome, the one that is named more exactly, else the stream; null: neither
 */
export function mediaOf(accept: string): EventsMedia | null {
  if (accept.trim() === '') return 'stream';
  const ranges = accept.split(',').map(rangeOf);
  const stream = matchOf(ranges, 'text/event-stream');
  const poll = matchOf(ranges, 'application/json');
  if (stream.quality === 0 && poll.quality === 0) return null;
  const preference = poll.quality - stream.quality || poll.exactness - stream.exactness;
  return preference > 0 ? 'poll' : 'stream';
}

function rangeOf(text: string): Range {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const quality = parameters.find((parameter) => parameter.startsWith('q='));
  const value = quality === undefined ? 1 : Number(quality.slice(2));
  return { type, quality: value >= 0 && value <= 1 ? value : 0 };
}

function matchOf(ranges: readonly Range[], type: string): Match {
  const names = ['*/*', `${type.split('/')[0]}/*`, type];
  for (let exactness = names.length - 1; exactness >= 0; exactness--) {
    const range = ranges.find((one) => one.type === names[exactness]);
    if (range) return { quality: range.quality, exactness };
  }
  return { quality: 0, exactness: 0 };
}
