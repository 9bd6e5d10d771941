// API keys: mds_<id>_<secret>. The id is public and finds the key; the secret proves it and is stored nowhere.
//
//   mds_ 3fK9aQ0LmZ7b _ 1h7…43 characters…Xw
//        └ 12 of base62   └ 256 bits from the system's random source, base62
//
// A secret of 256 random bits cannot be guessed, so a fast HMAC protects it as well as a slow password hash would, and
// costs each request 3 µs instead of 100 ms. The HMAC's own key (MDS_AUTH_SECRET) is not in the database: who reads only
// that can neither use nor test keys.

import { createHmac, randomBytes, randomInt, timingSafeEqual } from 'node:crypto';

export const API_KEY_PREFIX = 'mds_';
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const ID_CHARACTERS = 12;
const SECRET_BYTES = 32;
/** 62^43 is the first power above 2^256. */
const SECRET_CHARACTERS = 43;
const API_KEY = new RegExp(`^${API_KEY_PREFIX}([0-9A-Za-z]{${ID_CHARACTERS}})_([0-9A-Za-z]{${SECRET_CHARACTERS}})$`);

export interface ApiKey {
  readonly id: string;
  readonly secret: string;
}

export const newKeyId = (): string =>
  Array.from({ length: ID_CHARACTERS }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join('');

export function newKeySecret(): string {
  let rest = BigInt(`0x${randomBytes(SECRET_BYTES).toString('hex')}`);
  let text = '';
  for (let i = 0; i < SECRET_CHARACTERS; i++) {
    text = ALPHABET.charAt(Number(rest % 62n)) + text;
    rest /= 62n;
  }
  return text;
}

export const formatApiKey = ({ id, secret }: ApiKey): string => `${API_KEY_PREFIX}${id}_${secret}`;

/** What may be shown of a key. */
export const visiblePrefixOf = (id: string): string => `${API_KEY_PREFIX}${id}`;

/** @returns null for anything that was not made by `formatApiKey` */
export function parseApiKey(text: string): ApiKey | null {
  const [, id, secret] = API_KEY.exec(text) ?? [];
  return id === undefined || secret === undefined ? null : { id, secret };
}

/** @returns 64 hex digits; the id is part of it, so that a hash cannot be moved to another key */
export const hashOfKey = (authSecret: Uint8Array, { id, secret }: ApiKey): string =>
  createHmac('sha256', authSecret).update(`mds api key 1\n${id}\n${secret}`).digest('hex');

/** Takes the same time wherever the two differ. */
export const isSameHash = (a: string, b: string): boolean => {
  const [left, right] = [Buffer.from(a, 'hex'), Buffer.from(b, 'hex')];
  return left.length === right.length && timingSafeEqual(left, right);
};
