// Which events share a Kafka record. A round's readings travel as one batch record, because one event per record costs
// Kafka and every reader several times more; alerts and changes travel alone, so that they stand out in any Kafka tool.

import type { HostEvent } from './event.ts';

export type RecordContent =
  | { readonly form: 'batch'; readonly events: readonly HostEvent[] }
  | { readonly form: 'single'; readonly event: HostEvent };

/** The records for these events, in their order. */
export function recordsOf(events: readonly HostEvent[]): RecordContent[] {
  const records: RecordContent[] = [];
  let batch: HostEvent[] = [];
  const closeBatch = (): void => {
    if (batch.length > 0) records.push({ form: 'batch', events: batch });
    batch = [];
  };
  for (const event of events) {
    if (event.kind === 'ALERT' || event.kind === 'CHANGE') {
      closeBatch();
      records.push({ form: 'single', event });
    } else {
      batch.push(event);
    }
  }
  closeBatch();
  return records;
}
