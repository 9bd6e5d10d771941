// Kafka, behind promises: consumer, producer and admin over node-rdkafka (librdkafka). What is thrown is an MdsError:
// `MDS_DEPENDENCY_UNAVAILABLE` with librdkafka's own error as its cause, or `MDS_TIMEOUT`.

export { createAdmin, type KafkaAdmin } from './kafka-admin.ts';
export { type KafkaConnection, kafkaCodeOf } from './kafka-client.ts';
export {
  createConsumer,
  type KafkaConsumer,
  type KafkaMessage,
  type PartitionCommit,
} from './kafka-consumer.ts';
export { createProducer, type KafkaProducer } from './kafka-producer.ts';
export {
  createGroupConsumer,
  createTransactionalProducer,
  type GroupConsumer,
  type TransactionalProducer,
} from './kafka-transactions.ts';
