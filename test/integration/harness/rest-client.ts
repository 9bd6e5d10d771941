// The control plane's REST API as a test uses it: problems become errors that show the whole answer.

export interface TopicInfo {
  readonly topicId: number;
  readonly name: string;
  readonly kafkaTopic: string;
  readonly partitions: number;
  readonly subject: string;
  readonly schemaId: number;
  readonly batchSchemaId: number;
  readonly schema: unknown;
}

interface StatusInfo {
  readonly leader: { readonly id: string | null };
  readonly workers: readonly { readonly workerId: string; readonly state: string }[];
  readonly edges: readonly {
    readonly edgeId: string;
    readonly clientUrl: string;
    readonly state: string;
    readonly connections: number;
  }[];
  readonly topics: readonly {
    readonly topicId: number;
    readonly name: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly workerId: string | null;
      readonly epoch: number;
      readonly nextOffset: number;
      readonly lagRecords: number;
    }[];
  }[];
}

export interface TopicRequest {
  readonly name: string;
  readonly partitions?: number;
  readonly schema?: unknown;
}

const TIMEOUT_MS = 20_000;

export class RestClient {
  readonly url: string;
  readonly #credential: string | null;

  /** @param credential null while authentication is off */
  constructor(url: string, credential: string | null = null) {
    this.url = url;
    this.#credential = credential;
  }

  /** The same API for somebody else. */
  as(credential: string): RestClient {
    return new RestClient(this.url, credential);
  }

  async get<T>(path: string): Promise<T> {
    return this.#call<T>('GET', path);
  }

  async post<T>(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<T> {
    return this.#call<T>('POST', path, body, headers);
  }

  async patch<T>(path: string, body: unknown): Promise<T> {
    return this.#call<T>('PATCH', path, body);
  }

  async delete(path: string): Promise<void> {
    await this.#call('DELETE', path);
  }

  status(): Promise<StatusInfo> {
    return this.get('/v1/status');
  }

  createTopic(topic: TopicRequest): Promise<TopicInfo> {
    return this.post('/v1/topics', topic, { 'idempotency-key': topic.name });
  }

  topic(name: string): Promise<TopicInfo> {
    return this.get(`/v1/topics/${encodeURIComponent(name)}`);
  }

  async #call<T>(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<T> {
    const answer = await fetch(new URL(path, this.url), {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(this.#credential === null ? {} : { authorization: `Bearer ${this.#credential}` }),
        ...headers,
      },
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T; // the shape is the API's own promise, tested in test/control-plane
  }
}
