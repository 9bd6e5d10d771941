// The door to Avro schemas: the model (avro-type.ts) and its parser (parse.ts).

export type {
  AvroArray,
  AvroEnum,
  AvroField,
  AvroFixed,
  AvroMap,
  AvroPrimitive,
  AvroRecord,
  AvroType,
  AvroUnion,
  LogicalType,
  PrimitiveName,
} from './avro-type.ts';
export { branchName, eventSchemaOf, nullableBranch } from './avro-type.ts';
export { parseAvroSchema } from './parse.ts';
