// The closed list of everything that can go wrong in a way a user can meet, and the one error class that carries it.
// Anything thrown that is not an MdsError is a bug and is reported as MDS_INTERNAL.

interface ErrorKind {
  /** True when the same call may succeed later without being changed. */
  readonly retryable: boolean;
  /** HTTP status when it is the answer to a REST call. */
  readonly status: number;
  /** One sentence that says what happened and what to do; `{name}` is replaced by the detail of that name. */
  readonly message: string;
}

const kind = (status: number, retryable: boolean, message: string): ErrorKind => ({ status, retryable, message });

export const ERROR_KINDS = {
  // Configuration and start-up
  MDS_CONFIG_INVALID: kind(
    500,
    false,
    'The configuration is not valid: {problems}. Correct these variables and start again.',
  ),
  MDS_PORT_BUSY: kind(
    500,
    false,
    'Port {port} ({service}) is already in use{holder}. Stop that process or set {variable}.',
  ),
  MDS_DEPENDENCY_UNAVAILABLE: kind(
    503,
    true,
    '{dependency} cannot be reached: {reason}. It is retried; check that it runs.',
  ),
  MDS_SHUTTING_DOWN: kind(503, true, 'This process is shutting down; connect to another one.'),
  MDS_EDGE_EVACUATED: kind(503, true, 'This edge is being emptied of its clients; connect to another one.'),
  MDS_EDGE_UNKNOWN: kind(404, false, 'No edge {edge} runs{hint}.'),
  MDS_NO_OTHER_EDGE: kind(
    409,
    false,
    'No other edge runs that could take the clients of {edge}. Start one; or force it, and they wait until there is one.',
  ),
  MDS_EVACUATION_CALLED_OFF: kind(409, false, 'The evacuation of {edge} was called off; its clients stay.'),
  MDS_TIMEOUT: kind(504, true, '{operation} did not finish within {timeoutMs} ms; try again.'),
  MDS_INTERNAL: kind(500, true, 'An internal error occurred; it was logged under {reference}.'),

  // Schemas and records
  MDS_SCHEMA_INVALID: kind(422, false, 'The Avro schema is not valid: {reason}.'),
  MDS_SCHEMA_NOT_RECORD: kind(422, false, "A topic's schema must be an Avro record, this one is {found}."),
  MDS_SCHEMA_INCOMPATIBLE: kind(
    409,
    false,
    'The schema is not backward compatible with the latest version of {subject}: {reason}.',
  ),
  MDS_SCHEMA_BREAKS_FILTERS: kind(
    409,
    false,
    'With this schema {count} filters that are in use on {topic} would be refused; see them with a check, and accept that if it is meant.',
  ),
  MDS_SCHEMA_UNKNOWN_ID: kind(404, false, 'The schema registry has no schema with id {schemaId}.'),
  MDS_SCHEMA_MISMATCH: kind(422, false, 'The topic cannot read what schema {schemaId} writes: {reason}.'),
  MDS_RECORD_NOT_FRAMED: kind(422, false, 'The record does not begin with the Confluent magic byte and schema id.'),
  MDS_RECORD_TRUNCATED: kind(422, false, 'The record ends in the middle of a value.'),
  MDS_RECORD_TRAILING_BYTES: kind(422, false, 'The record has {count} bytes after its last value.'),
  MDS_RECORD_CORRUPT: kind(422, false, 'The record cannot be decoded with its schema: {reason}.'),
  MDS_RECORD_TOO_LARGE: kind(413, false, 'The record and its output need {bytes} bytes, the limit is {limitBytes}.'),
  MDS_EVENT_INVALID: kind(422, false, 'Event {index} does not fit the schema at {path}: {reason}.'),

  // Wire formats between processes
  MDS_LANE_CORRUPT: kind(500, true, 'A lane envelope is corrupt: {reason}.'),
  MDS_FRAME_CORRUPT: kind(400, false, 'The frame is corrupt: {reason}.'),
  MDS_TOKEN_CORRUPT: kind(400, false, 'The resume token is corrupt: {reason}. Subscribe without it to start now.'),
  MDS_TOPIC_BEHIND: kind(
    503,
    true,
    'This edge knows {partitions} partitions of topic {topic} and the resume token more; it learns of them soon.',
  ),
  MDS_TOKEN_WRONG_TOPIC: kind(400, false, 'The resume token belongs to another topic than {topic}.'),
  MDS_COORDINATION_CORRUPT: kind(500, true, 'A coordination message in Redis is corrupt: {reason}.'),

  // Filters and plans
  MDS_FILTER_SYNTAX: kind(422, false, 'The filter is not valid CEL: {reason}.'),
  MDS_FILTER_UNKNOWN_FIELD: kind(422, false, 'There is no field {field}{hint}.'),
  MDS_FILTER_TYPE: kind(422, false, 'The filter compares or combines values of types that do not fit: {reason}.'),
  MDS_FILTER_NOT_BOOLEAN: kind(422, false, 'A filter must be true or false, this one gives {found}.'),
  MDS_FILTER_TOO_LONG: kind(422, false, 'The filter has {length} characters, the limit is {limit}.'),
  MDS_FILTER_TOO_DEEP: kind(422, false, 'The filter nests {depth} levels deep, the limit is {limit}.'),
  MDS_FILTER_TOO_COSTLY: kind(
    422,
    false,
    'The filter costs {cost} units to evaluate, the limit is {limit}; shorten its lists or patterns.',
  ),
  MDS_FILTER_UNSUPPORTED: kind(422, false, '{feature} cannot be used in a filter{hint}.'),
  MDS_FILTER_BAD_REGEX: kind(422, false, 'The pattern is not a valid RE2 regular expression: {reason}.'),
  MDS_PROJECTION_UNKNOWN_FIELD: kind(422, false, 'The projection names {field}, which the schema does not have{hint}.'),
  MDS_PROJECTION_NOT_AVRO: kind(
    422,
    false,
    'Subprotocol mds.v1.avro delivers events as they were written, so fields cannot be chosen. Leave them out, or use mds.v1.json.',
  ),
  MDS_EXPLAIN_NO_WORKER: kind(503, true, 'No stream worker runs, and only they can measure a filter; start one.'),
  MDS_EXPLAIN_NO_EVENTS: kind(404, false, 'The topic {topic} holds no events to measure the filter on.'),
  MDS_EXPLAIN_BUSY: kind(
    503,
    true,
    '{limit} filters of {whose} are being measured already, which is the limit; try again.',
  ),
  MDS_PLAN_CORRUPT: kind(500, false, 'A stored plan cannot be read: {reason}.'),

  // Identities
  MDS_UNAUTHENTICATED: kind(
    401,
    false,
    'The API key or token is missing, or not valid (any more). Send a valid one, as `Authorization: Bearer …`.',
  ),
  MDS_FORBIDDEN: kind(403, false, 'No grant of this identity allows to {action} {topic}; ask an admin of the tenant.'),
  MDS_ORIGIN_REFUSED: kind(
    403,
    false,
    'Pages of {origin} may not use this API; add it to MDS_HTTP_ALLOWED_ORIGINS (at an edge MDS_EDGE_ALLOWED_ORIGINS), or open the page from the API itself.',
  ),
  MDS_CREDENTIAL_EXPIRED: kind(
    401,
    false,
    'The API key or token of this connection has expired; connect again with a new one and resume.',
  ),
  MDS_IDENTITY_CHANGED: kind(
    409,
    false,
    'The new credential belongs to {subject} of {tenant}: a connection stays with whom it began. Open another one for it.',
  ),
  MDS_GRANTS_CHANGED: kind(
    409,
    true,
    'What this identity may read of {topic} has changed; subscribe again with the last resume token.',
  ),
  MDS_QUOTA_EXCEEDED: kind(
    429,
    true,
    'The tenant may have {limit} {what}, which is reached; ask an operator for more.',
  ),

  MDS_TENANT_NOT_EMPTY: kind(
    409,
    false,
    'The tenant {tenant} still has topics, subscriptions, dead letters or valid keys; delete and revoke those first.',
  ),
  MDS_TOO_MANY_REVOCATIONS: kind(
    429,
    false,
    'There are {limit} revocations, which is the limit; revoke all tokens of a subject instead of one by one.',
  ),
  MDS_AUTH_IS_OFF: kind(
    409,
    false,
    'Authentication is off here, so no API key could be used; start the service with MDS_AUTH=on and MDS_AUTH_SECRET.',
  ),
  MDS_OWN_TENANT: kind(
    409,
    false,
    'This would lock out whoever asks for it: {tenant} is the tenant of the credential.',
  ),

  // Subscribing and delivery
  MDS_REQUEST_INVALID: kind(400, false, 'The request is not valid: {problems}.'),
  MDS_METHOD_NOT_ALLOWED: kind(405, false, 'There is no {method} {path}; use {allowed}.'),
  MDS_NOT_ACCEPTABLE: kind(
    406,
    false,
    'Events come as text/event-stream or, by long poll, as application/json; the Accept header {accept} takes neither.',
  ),
  MDS_URL_TOO_LONG: kind(414, false, 'The URL has {length} characters, the limit is {limit}.'),
  MDS_UNKNOWN_MESSAGE_TYPE: kind(
    400,
    false,
    'There is no message type {type}; use auth, subscribe, consume, ack, nack, unsubscribe or ping.',
  ),
  MDS_TOPIC_UNKNOWN: kind(404, false, 'There is no topic {topic}{hint}.'),
  MDS_SUBSCRIPTION_ID_IN_USE: kind(409, false, 'This connection already has a subscription with the id {id}.'),
  MDS_SUBSCRIPTION_UNKNOWN: kind(404, false, 'There is no subscription {id}.'),
  MDS_NOT_DURABLE: kind(
    409,
    false,
    'The subscription {id} is not durable: it takes no acknowledgements. Use consume for a durable one.',
  ),
  MDS_DURABLE_NEEDS_JSON: kind(
    400,
    false,
    'Durable subscriptions are delivered as JSON only; connect with subprotocol mds.v1.json.',
  ),
  MDS_CONSUMER_SUPERSEDED: kind(
    409,
    false,
    'A newer connection consumes {subscription} as {consumer}; give each consumer a name of its own.',
  ),
  MDS_NOT_ACKNOWLEDGED: kind(
    504,
    true,
    'The event was delivered {attempts} times and not acknowledged; see why its consumer does not finish.',
  ),
  MDS_EVENT_REFUSED: kind(
    422,
    false,
    'The consumer refused the event at attempt {attempts}: {reason}; see why, then redrive it.',
  ),
  MDS_RECORD_GONE: kind(
    410,
    false,
    'Kafka no longer holds the record, so its bytes are not here; it became a dead letter because of "{reason}".',
  ),
  MDS_ACK_NOT_STORED: kind(
    503,
    true,
    'Acknowledgements up to number {seq} may not be stored, because another edge took over shards {shards}; their events come again.',
  ),
  MDS_LATEST_NEEDS_JSON: kind(
    400,
    false,
    'Overflow "latest" compares keys of JSON events; connect with subprotocol mds.v1.json, or use "drop" or "resume".',
  ),
  MDS_TOO_MANY_SUBSCRIPTIONS: kind(429, false, 'The connection already has {limit} subscriptions, which is the limit.'),
  MDS_TOO_MANY_CONNECTIONS: kind(
    503,
    true,
    'This edge has {limit} connections, which is its limit; try another edge or later.',
  ),
  MDS_RATE_LIMITED: kind(429, true, 'More than {limit} {what}; slow down.'),
  MDS_JOIN_TIMEOUT: kind(
    504,
    true,
    'No stream worker answered for partitions {partitions} of {topic} within {timeoutMs} ms; try again.',
  ),
  MDS_REPLAY_FAILED: kind(
    503,
    true,
    'The replay could not be completed: {reason}; subscribe again with the last resume token.',
  ),
  MDS_REPLAY_EXPIRED: kind(
    410,
    false,
    'Kafka no longer holds this range: its retention deleted it before it could be read again.',
  ),
  MDS_GAP: kind(503, true, 'The edge missed a part of the stream of {topic}; resume with the last token.'),
  MDS_SLOW_CONSUMER: kind(503, true, 'The client did not read fast enough and was closed; resume with the last token.'),
  MDS_DISCONNECTED: kind(
    503,
    true,
    'An operator closed this connection; connect again and resume with the last token.',
  ),
  MDS_DISCONNECTED_FOR_GOOD: kind(
    403,
    false,
    'An operator closed this connection for good; ask whoever runs the service before you connect again.',
  ),
  MDS_CONNECTION_LOST: kind(503, true, 'The connection to the edge was lost: {reason}. It is tried again.'),
  MDS_CONNECTION_REFUSED: kind(400, false, 'The edge closed the connection for good: {reason}.'),
  MDS_CLIENT_CLOSED: kind(400, false, 'The client was closed.'),
  MDS_CLIENT_BUFFER_FULL: kind(
    503,
    false,
    'The subscription holds {limit} events that were not read; read faster or raise bufferEvents.',
  ),
  MDS_EVENTS_SHED: kind(
    503,
    true,
    'The edge left out {count} events ({reason}), as overflow and maxRate say; give onShed to be told of each range.',
  ),
  MDS_POSITION_CONFLICT: kind(
    409,
    false,
    'The stored position is not where this instance left it: another one has taken over. End this one.',
  ),

  // Ingest
  MDS_EVENT_IN_PROGRESS: kind(
    409,
    true,
    'An event with this id is being written by another request; send it again to learn what became of it.',
  ),
  MDS_BODY_TOO_LARGE: kind(
    413,
    false,
    'The body has more than {limitBytes} bytes when it is uncompressed; send several.',
  ),
  MDS_BODY_CORRUPT: kind(400, false, 'The body is not what its content-encoding ({encoding}) says: {reason}.'),
  MDS_MEDIA_TYPE_UNKNOWN: kind(415, false, 'This door does not read {found}; send {known}.'),
  MDS_SYSLOG_FRAMING: kind(
    400,
    false,
    'The syslog stream cannot be cut into messages: {reason}. Use octet counting, or one message a line.',
  ),
  MDS_INGEST_BUSY: kind(503, true, 'The ingest door works on {limit} requests, which is its limit; send again.'),

  // Data access
  MDS_ROLLUP_CORRUPT: kind(500, true, 'A block of aggregates is corrupt: {reason}.'),
  MDS_ROLLUP_INVALID: kind(422, false, 'The rollup is not valid: {reason}.'),
  MDS_ROLLUP_NOT_READY: kind(
    503,
    true,
    'Nothing of {topic} is aggregated yet; see that a rollup worker runs, and try again.',
  ),
  MDS_ROLLUP_FILTER: kind(
    422,
    false,
    'The filter reads {reads}, which the series of this topic do not keep (they keep {keeps}). Filter by those, read events instead, or give the topic another rollup.',
  ),
  MDS_ROLLUP_RESTRICTED: kind(
    403,
    false,
    'This identity may read only some events of {topic}, and the aggregates do not tell which are among them; read events instead.',
  ),
  MDS_ROLLUP_DIMENSION: kind(422, false, 'The series of this topic do not keep {dimension}{hint}; they keep {keeps}.'),
  MDS_ROLLUP_RANGE: kind(
    422,
    false,
    'Windows below a minute are kept from {from} on; ask for a later range or for longer windows.',
  ),
  MDS_ANSWER_TOO_LARGE: kind(
    422,
    false,
    'The answer has more than {limit} rows; take longer windows, fewer dimensions, a shorter range or a narrower filter.',
  ),
  MDS_QUERY_BUSY: kind(503, true, 'This process reads events for {limit} requests, which is its limit; try again.'),
  MDS_LIVE_TOO_MANY: kind(
    503,
    true,
    'There are {limit} readers of live queries, which is the limit; end some, or try later.',
  ),
  MDS_LIVE_TOO_SLOW: kind(503, true, 'The reader of a live query did not read for too long; connect again.'),
  MDS_LIVE_CHANGED: kind(409, true, 'The live query ended because {what} has changed; connect again.'),
  MDS_ROLLUP_FENCED: kind(503, true, 'Another worker has taken over partition {partition} of rollup {rollupId}.'),

  // Control plane
  MDS_DEAD_LETTER_PURGED: kind(409, false, 'The dead letter {id} was purged; it cannot be redriven.'),
  MDS_DEAD_LETTER_REDRIVING: kind(
    409,
    true,
    'The dead letter {id} is being redriven; purge it when that has succeeded or failed.',
  ),
  MDS_PARTITIONS_CANNOT_SHRINK: kind(
    409,
    false,
    'The topic {topic} has {present} partitions, and Kafka cannot take partitions away; ask for more, or create another topic.',
  ),
  MDS_NO_OTHER_WORKER: kind(
    409,
    false,
    'No other stream worker runs that could take the partitions of {worker}. Start one; or force it, and it keeps them until there is one.',
  ),
  MDS_EDGES_BUSY: kind(503, true, '{limit} questions wait for answers of edges, which is the limit; try again.'),
  MDS_NOT_FOUND: kind(404, false, 'There is no {what} {id}.'),
  MDS_ALREADY_EXISTS: kind(409, false, 'A {what} named {id} already exists.'),
  MDS_ROUTE_CIRCULAR: kind(
    409,
    false,
    'A route from {topic} to {target} would go round: events of {target} come back to {topic} already.',
  ),
  MDS_IDEMPOTENCY_MISMATCH: kind(422, false, 'The idempotency key {key} was already used for a different request.'),
  MDS_NO_ROUTE: kind(404, false, 'There is nothing at {method} {path}; see /docs.'),
  MDS_PAGE_TOKEN_INVALID: kind(400, false, 'The page token is not valid; start again without it.'),
} as const satisfies Record<string, ErrorKind>;

export type MdsErrorCode = keyof typeof ERROR_KINDS;
export type ErrorDetails = Readonly<Record<string, unknown>>;

export class MdsError extends Error {
  override readonly name = 'MdsError';
  readonly code: MdsErrorCode;
  readonly details: ErrorDetails;

  /**
   * @param code one of the closed list
   * @param details values for the placeholders of the code's message, and any further facts for programs
   * @param options `cause`: what was thrown below
   */
  constructor(code: MdsErrorCode, details: ErrorDetails = {}, options?: { readonly cause?: unknown }) {
    super(fillMessage(ERROR_KINDS[code].message, details), options);
    this.code = code;
    this.details = details;
  }

  get retryable(): boolean {
    return ERROR_KINDS[this.code].retryable;
  }

  get status(): number {
    return ERROR_KINDS[this.code].status;
  }

  /** The shape in which an error travels in frames and logs. */
  toJSON(): { code: MdsErrorCode; message: string; retryable: boolean; details: ErrorDetails } {
    return { code: this.code, message: this.message, retryable: this.retryable, details: this.details };
  }
}

export const isMdsErrorCode = (code: string): code is MdsErrorCode => Object.hasOwn(ERROR_KINDS, code);

/** The message of anything thrown, for use as the `reason` of an MdsError. */
export const reasonOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

function fillMessage(template: string, details: ErrorDetails): string {
  return template.replace(/\{(\w+)\}/g, (_placeholder, name: string) => {
    const value = details[name];
    if (value === undefined) return '';
    return Array.isArray(value) ? value.join(', ') : String(value);
  });
}
