// ASCII text written straight into a buffer: the numbers and names around the events of a frame. A string for each of them
// would be most of what a frame with few events costs.

const ZERO = 48;
const GROUP = 1_000_000_000;
const GROUP_DIGITS = 9;

/** @returns where the text ends */
export function writeAscii(target: Uint8Array, at: number, text: Uint8Array): number {
  for (let i = 0; i < text.length; i++) target[at + i] = text[i] ?? 0;
  return at + text.length;
}

/** @param value as JSON writes it @returns where the digits end */
export function writeNumber(target: Buffer, at: number, value: number): number {
  if (value >= 0 && value < GROUP && Number.isInteger(value)) return writeDigits(target, at, value, digitsOf(value));
  if (value >= GROUP && Number.isSafeInteger(value)) {
    const high = Math.floor(value / GROUP);
    return writeDigits(target, writeNumber(target, at, high), value - high * GROUP, GROUP_DIGITS);
  }
  return at + target.write(String(value), at, 'latin1');
}

function writeDigits(target: Uint8Array, at: number, value: number, digits: number): number {
  let rest = value | 0;
  for (let i = at + digits - 1; i >= at; i--) {
    const next = (rest / 10) | 0;
    target[i] = ZERO + rest - next * 10;
    rest = next;
  }
  return at + digits;
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let limit = 10; value >= limit; limit *= 10) digits += 1;
  return digits;
}
