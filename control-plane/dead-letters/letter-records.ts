// The bytes of dead letters, which stay in Kafka: read from the dead-letter topic when somebody wants to see them.

import type { DeadLetterRecord } from '../../platform/dead-letter-record.ts';
import type { KafkaRecordReader } from '../../platform/kafka-record-reader.ts';
import type { DeadLetterRow } from '../store/dead-letters.ts';
import type { LetterDecoding } from './letter-decoding.ts';

export class LetterRecords {
  readonly #reader: Pick<KafkaRecordReader, 'read'>;
  readonly #decoding: LetterDecoding;

  constructor(reader: Pick<KafkaRecordReader, 'read'>, decoding: LetterDecoding) {
    this.#reader = reader;
    this.#decoding = decoding;
  }

  /** @returns null when retention has deleted it */
  async original({
    dlqTopic,
    dlqPartition,
    dlqOffset,
  }: Pick<DeadLetterRow, 'dlqTopic' | 'dlqPartition' | 'dlqOffset'>): Promise<DeadLetterRecord | null> {
    const found = await this.#reader.read(dlqTopic, dlqPartition, [dlqOffset]);
    const record = found.get(dlqOffset);
    return record?.value ? this.#decoding.letter(record.value) : null;
  }
}
