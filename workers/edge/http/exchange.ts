// One HTTP request and its response. Knows uWebSockets.js only by the interfaces below: its request is valid during the call
// that hands it over and is copied here, its response until it is ended or aborted, and written to only while corked.

/** The part of a uWebSockets.js HttpRequest that is used. */
export interface RawRequest {
  getCaseSensitiveMethod(): string;
  getUrl(): string;
  /** undefined when the URL has no `?` */
  getQuery(): string | undefined;
  getHeader(name: string): string;
}

/** The part of a uWebSockets.js HttpResponse that is used. */
export interface RawResponse {
  writeStatus(status: string): unknown;
  writeHeader(name: string, value: string): unknown;
  /** @returns false when the network did not take everything; the rest is kept and goes before whatever is written next */
  write(chunk: Uint8Array | string): boolean;
  end(body?: Uint8Array | string, closeConnection?: boolean): unknown;
  endWithoutBody(reportedContentLength?: number, closeConnection?: boolean): unknown;
  onWritable(handler: (offset: number) => boolean): unknown;
  onAborted(handler: () => void): unknown;
  cork(write: () => void): unknown;
  /** Text as bytes. */
  getRemoteAddressAsText(): ArrayBuffer;
  /** 4 or 16 bytes. */
  getRemoteAddress(): ArrayBuffer;
}

export interface HttpRequest {
  readonly method: string;
  /** Without the query, as it came. */
  readonly path: string;
  readonly query: string;
  readonly accept: string;
  readonly authorization: string;
  readonly lastEventId: string;
  readonly origin: string;
  readonly host: string;
}

export type Headers = Readonly<Record<string, string>>;

const REASONS: ReadonlyMap<number, string> = new Map([
  [200, 'OK'],
  [201, 'Created'],
  [204, 'No Content'],
  [400, 'Bad Request'],
  [401, 'Unauthorized'],
  [403, 'Forbidden'],
  [404, 'Not Found'],
  [405, 'Method Not Allowed'],
  [406, 'Not Acceptable'],
  [409, 'Conflict'],
  [410, 'Gone'],
  [414, 'URI Too Long'],
  [422, 'Unprocessable Content'],
  [429, 'Too Many Requests'],
  [500, 'Internal Server Error'],
  [503, 'Service Unavailable'],
  [504, 'Gateway Timeout'],
]);
const statusLine = (status: number): string => `${status} ${REASONS.get(status) ?? 'Status'}`;

export class Exchange {
  readonly request: HttpRequest;
  /** Network address of the client. */
  readonly peer: string;
  /** The same as 4 or 16 bytes. */
  readonly address: Uint8Array;
  readonly #response: RawResponse;
  readonly #headers: Headers;
  #isOver = false;
  #onGone: (() => void) | null = null;
  #onOver: (() => void) | null = null;

  /** @param headersFor what every response to the request gets besides its own headers */
  constructor(response: RawResponse, raw: RawRequest, headersFor: (request: HttpRequest) => Headers) {
    this.request = {
      method: raw.getCaseSensitiveMethod(),
      path: raw.getUrl(),
      query: raw.getQuery() ?? '',
      accept: raw.getHeader('accept'),
      authorization: raw.getHeader('authorization'),
      lastEventId: raw.getHeader('last-event-id'),
      origin: raw.getHeader('origin'),
      host: raw.getHeader('host'),
    };
    this.peer = Buffer.from(response.getRemoteAddressAsText()).toString('latin1');
    this.address = new Uint8Array(response.getRemoteAddress());
    this.#response = response;
    this.#headers = headersFor(this.request);
    response.onAborted(() => this.#gone());
  }

  /** The response was ended, or its client is gone: nothing is written any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** @param onGone the client has gone before the response was ended */
  onGone(onGone: () => void): void {
    this.#onGone = onGone;
  }

  /** @param onOver called once, whichever way it ends: ended or gone */
  onOver(onOver: () => void): void {
    this.#onOver = onOver;
  }

  /** A whole response that never has a body: to OPTIONS, or to HEAD where a body would have no known length. */
  answerHead(status: number, headers: Headers): void {
    if (this.#isOver) return;
    this.#finish();
    this.#response.cork(() => {
      this.#writeHead(status, headers);
      this.#response.endWithoutBody();
    });
  }

  /** A whole response at once. To HEAD, the same without its body. */
  answer(status: number, headers: Headers, body = '', closes = false): void {
    if (this.#isOver) return;
    this.#finish();
    this.#response.cork(() => {
      this.#writeHead(status, headers);
      if (this.request.method === 'HEAD') this.#response.endWithoutBody(Buffer.byteLength(body), closes);
      else this.#response.end(body, closes);
    });
  }

  /**
   * The head of a response that goes on.
   *
   * @param onWritable there is room in the network again; it must write something, since only that moves on what is kept
   */
  begin(status: number, headers: Headers, onWritable: () => void): void {
    if (this.#isOver) return;
    this.#response.onWritable(() => {
      if (!this.#isOver) onWritable();
      return true;
    });
    this.#response.cork(() => this.#writeHead(status, headers));
  }

  /**
   * Writes pieces one after the other, until the network takes no more.
   *
   * @param next the next piece; null when there is none
   * @returns the length of the piece that was not taken whole and is kept; 0 when all were
   */
  write(next: () => Uint8Array | string | null): number {
    let keptBytes = 0;
    if (this.#isOver) return keptBytes;
    this.#response.cork(() => {
      for (let piece = next(); piece !== null; piece = next()) {
        if (this.#response.write(piece)) continue;
        keptBytes = piece.length;
        return;
      }
    });
    return keptBytes;
  }

  /** The last bytes of a response that was begun. */
  end(rest: Uint8Array | string): void {
    if (this.#isOver) return;
    this.#finish();
    this.#response.cork(() => {
      if (rest.length > 0) this.#response.write(rest);
      this.#response.end(undefined, true);
    });
  }

  #writeHead(status: number, headers: Headers): void {
    this.#response.writeStatus(statusLine(status));
    for (const [name, value] of Object.entries({ ...this.#headers, ...headers })) {
      this.#response.writeHeader(name, value);
    }
  }

  #gone(): void {
    if (this.#isOver) return;
    this.#finish();
    this.#onGone?.();
  }

  #finish(): void {
    this.#isOver = true;
    this.#onOver?.();
  }
}
