// A probe: what an edge publishes on its own lane while nothing arrives there, to see whether the lane still stands. Never
// taken for an envelope, whose magic number differs.
//
//   ┌ 'MDSP' 4 B ┬ number 4 B ┐  little endian

const MAGIC = 0x5053444d; // "MDSP"
const PROBE_BYTES = 8;

/** @param number 32 bits */
export function laneProbe(number: number): Uint8Array {
  const bytes = new Uint8Array(PROBE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, number, true);
  return bytes;
}

export function isLaneProbe(message: Uint8Array): boolean {
  if (message.length !== PROBE_BYTES) return false;
  return new DataView(message.buffer, message.byteOffset, PROBE_BYTES).getUint32(0, true) === MAGIC;
}
