// How a topic's parts are named: one place, so that nothing else joins these strings.
//
// Tenants are letters, digits and dashes (a constraint of the table says so), so the first dot of a Kafka topic ends its
// tenant, and no name of one tenant's is one of another's. Not even in Kafka's metrics, which write a.b as a_b.

const DEAD_LETTER_NAME = 'dead-letter';

export const kafkaTopicOf = (tenant: string, name: string): string => `${tenant}.${name}`;
export const deadLetterTopicOf = (tenant: string): string => kafkaTopicOf(tenant, DEAD_LETTER_NAME);
export const eventSubjectOf = (kafkaTopic: string): string => `${kafkaTopic}-value`;
export const batchSubjectOf = (kafkaTopic: string): string => `${kafkaTopic}-batch`;

/** Whether a subject is of a topic of the tenant. */
export const isSubjectOf = (tenant: string, subject: string): boolean => subject.startsWith(kafkaTopicOf(tenant, ''));

/** Names that the service needs for itself. */
export const isReservedTopicName = (name: string): boolean => name === DEAD_LETTER_NAME;
