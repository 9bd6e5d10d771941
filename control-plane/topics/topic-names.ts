// How a topic's parts are named: one place, so that nothing else joins these strings.

/** Tenants follow in a later version; until then everything belongs to this one. */
export const DEFAULT_TENANT = 'default';
const DEAD_LETTER_NAME = 'dead-letter';

export const kafkaTopicOf = (tenant: string, name: string): string => `${tenant}.${name}`;
export const deadLetterTopicOf = (tenant: string): string => kafkaTopicOf(tenant, DEAD_LETTER_NAME);
export const eventSubjectOf = (kafkaTopic: string): string => `${kafkaTopic}-value`;
export const batchSubjectOf = (kafkaTopic: string): string => `${kafkaTopic}-batch`;

/** Names that the service needs for itself. */
export const isReservedTopicName = (name: string): boolean => name === DEAD_LETTER_NAME;
