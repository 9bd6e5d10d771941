// The numbers of the delivery ledger: from fields of Redis to sums over shards and epochs. Pure.
//
//   field {shard}.{epoch}.{count} → n     absolute in one epoch of one shard: the larger of two readings is the newer

import type { DeliveryLedger, LedgerCounts } from '../../schemas/api/ledger.ts';
import { LEDGER_COUNTS } from '../../schemas/durable.ts';
import type { LedgerRow } from '../store/delivery-ledger.ts';

export const MINUTE_MS = 60_000;
const NAMES: readonly string[] = LEDGER_COUNTS;
const FIELD = /^(\d+)\.(\d+)\.([a-zA-Z]+)$/;

/** @param fields of one minute's hash; what this version does not know is left out */
export function ledgerRowsOf(
  subscriptionId: string,
  minute: number,
  fields: Readonly<Record<string, string>>,
): LedgerRow[] {
  const rows = new Map<string, LedgerRow & { readonly counts: number[] }>();
  for (const [field, text] of Object.entries(fields)) {
    const [, shard, epoch, name] = FIELD.exec(field) ?? [];
    const place = NAMES.indexOf(name ?? '');
    const value = Number(text);
    if (place < 0 || !Number.isSafeInteger(value) || value < 0) continue;
    const key = `${shard}.${epoch}`;
    let row = rows.get(key);
    if (row === undefined) {
      const counts = LEDGER_COUNTS.map(() => 0);
      row = { subscriptionId, minute, shard: Number(shard), epoch: Number(epoch), counts };
      rows.set(key, row);
    }
    row.counts[place] = value;
  }
  return [...rows.values()];
}

/** @param rows of Redis and Postgres, the same ones from both as it comes; minutes oldest first in the answer */
export function sumLedger(rows: readonly LedgerRow[]): Pick<DeliveryLedger, 'items' | 'total'> {
  const largest = new Map<string, LedgerRow>();
  for (const row of rows) {
    const key = `${row.minute}.${row.shard}.${row.epoch}`;
    const known = largest.get(key);
    const counts =
      known === undefined ? row.counts : row.counts.map((count, i) => Math.max(count, known.counts[i] ?? 0));
    largest.set(key, { ...row, counts });
  }
  const byMinute = new Map<number, number[]>();
  for (const { minute, counts } of largest.values()) {
    const sums = byMinute.get(minute) ?? LEDGER_COUNTS.map(() => 0);
    byMinute.set(
      minute,
      sums.map((sum, i) => sum + (counts[i] ?? 0)),
    );
  }
  const minutes = [...byMinute].sort(([a], [b]) => a - b);
  const total = LEDGER_COUNTS.map((_, i) => minutes.reduce((sum, [, counts]) => sum + (counts[i] ?? 0), 0));
  return {
    items: minutes.map(([minute, counts]) => ({
      minute: new Date(minute * MINUTE_MS).toISOString(),
      ...named(counts),
    })),
    total: named(total),
  };
}

const named = (counts: readonly number[]): LedgerCounts =>
  Object.fromEntries(LEDGER_COUNTS.map((name, i) => [name, counts[i] ?? 0])) as LedgerCounts; // one for each name
