// A request's body uncompressed: gzip, zstd and deflate, never beyond the limit, whatever it claims to be.

import { promisify } from 'node:util';
import { gunzip, inflate, zstdDecompress } from 'node:zlib';
import { MdsError, reasonOf } from '../../schemas/errors.ts';

const DECODERS = {
  gzip: promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip),
  'x-gzip': promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip),
  deflate: promisify<Buffer, { maxOutputLength: number }, Buffer>(inflate),
  zstd: promisify<Buffer, { maxOutputLength: number }, Buffer>(zstdDecompress),
};

const isKnown = (encoding: string): encoding is keyof typeof DECODERS => Object.hasOwn(DECODERS, encoding);

/**
 * @param encoding of the header content-encoding
 * @param ownEncoding one that is left to the caller
 * @throws MdsError `MDS_BODY_TOO_LARGE`, `MDS_BODY_CORRUPT` or `MDS_MEDIA_TYPE_UNKNOWN`
 */
export async function uncompressed(
  body: Buffer,
  encoding: string,
  limitBytes: number,
  ownEncoding?: string,
): Promise<Buffer> {
  const name = encoding.trim().toLowerCase();
  if (name === '' || name === 'identity' || name === ownEncoding) {
    if (body.length > limitBytes) throw new MdsError('MDS_BODY_TOO_LARGE', { limitBytes });
    return body;
  }
  if (!isKnown(name)) {
    const known = [...Object.keys(DECODERS), ...(ownEncoding === undefined ? [] : [ownEncoding])];
    throw new MdsError('MDS_MEDIA_TYPE_UNKNOWN', { found: `content-encoding ${encoding}`, known });
  }
  try {
    return await DECODERS[name](body, { maxOutputLength: limitBytes });
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE') {
      throw new MdsError('MDS_BODY_TOO_LARGE', { limitBytes }, { cause });
    }
    throw new MdsError('MDS_BODY_CORRUPT', { encoding: name, reason: reasonOf(cause) }, { cause });
  }
}
