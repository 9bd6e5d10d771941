// Lines of a byte stream, numbered, in the groups in which they arrived: the end of a group is the moment at which nothing
// more is there yet, so what was read should go out.

import { MdsError } from '../../schemas/errors.ts';

export interface Line {
  /** From 1. */
  readonly number: number;
  readonly text: string;
}

/** 8 MiB: no event may be larger than a Kafka record, and a stream without line ends must not fill the memory. */
const MAX_LINE_CHARS = 8_388_608;

/** @throws MdsError `MDS_EVENT_INVALID` for a line beyond every limit */
export async function* readLines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<readonly Line[]> {
  const decoder = new TextDecoder();
  let rest = '';
  let number = 0;
  const cut = (texts: readonly string[]): Line[] => texts.map((text) => ({ number: ++number, text }));
  for await (const chunk of whileOpen(stream)) {
    const texts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = texts.pop() ?? '';
    if (rest.length > MAX_LINE_CHARS) {
      const reason = `the line is longer than ${MAX_LINE_CHARS} characters`;
      throw new MdsError('MDS_EVENT_INVALID', { index: `in line ${number + texts.length + 1}`, path: '$', reason });
    }
    yield cut(texts);
  }
  rest += decoder.decode();
  if (rest !== '') yield cut([rest]);
}

/** A stream that is destroyed (Ctrl-C) ends like any other. */
async function* whileOpen(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE')) throw error;
  }
}
