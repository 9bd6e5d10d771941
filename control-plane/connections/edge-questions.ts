// Asks edges about their clients and waits for what they answer: one question for all that are asked, by pub/sub. Whoever
// does not answer in time is named, so that a list that is not whole never looks so.

import { randomUUID } from 'node:crypto';
import type { Logger } from '../../platform/log.ts';
import { type Redis, subscribeAtStart } from '../../platform/redis.ts';
import {
  ConnectionAnswer,
  type ConnectionAsk,
  type ConnectionKeys,
  type ConnectionQuestion,
} from '../../schemas/connection-control.ts';
import { readMessage } from '../../schemas/coordination.ts';
import { MdsError } from '../../schemas/errors.ts';

/** An edge answers within milliseconds; one that takes longer than 2 s has other sorrows. */
const ANSWER_TIMEOUT_MS = 2000;
const MAX_WAITING = 32;

export interface EdgeQuestionsOptions {
  readonly redis: Redis;
  /** Used for nothing else: it is subscribed. */
  readonly answers: Redis;
  readonly keys: ConnectionKeys;
  /** Of this control plane. */
  readonly replyTo: string;
  readonly log: Logger;
  readonly timeoutMs?: number;
}

export interface EdgeAnswers {
  /** In the order of the ids that were asked. */
  readonly answers: readonly ConnectionAnswer[];
  readonly missingEdges: readonly string[];
}

interface Waiting {
  readonly answers: Map<string, ConnectionAnswer>;
  readonly onAnswer: () => void;
}

export class EdgeQuestions {
  readonly #options: EdgeQuestionsOptions;
  readonly #waiting = new Map<string, Waiting>();

  constructor(options: EdgeQuestionsOptions) {
    this.#options = options;
    options.answers.on('message', (_channel: string, text: string) => this.#hear(text));
  }

  /** @throws what ioredis throws when Redis is away; the connection subscribes again by itself later on */
  async start(): Promise<void> {
    const { answers, keys, replyTo } = this.#options;
    await subscribeAtStart(answers, 'subscribe', [keys.told(replyTo)]);
  }

  /** @throws MdsError `MDS_EDGES_BUSY`; what ioredis throws when Redis is away */
  async ask(edgeIds: readonly string[], ask: ConnectionAsk): Promise<EdgeAnswers> {
    if (edgeIds.length === 0) return { answers: [], missingEdges: [] };
    if (this.#waiting.size >= MAX_WAITING) throw new MdsError('MDS_EDGES_BUSY', { limit: MAX_WAITING });
    const { redis, keys, replyTo, timeoutMs = ANSWER_TIMEOUT_MS } = this.#options;
    const requestId = randomUUID();
    const question: ConnectionQuestion = { requestId, replyTo, edgeIds: [...edgeIds], ask };
    const { promise: done, resolve } = Promise.withResolvers<void>();
    const answers = new Map<string, ConnectionAnswer>();
    const onAnswer = (): void => {
      if (edgeIds.every((id) => answers.has(id))) resolve();
    };
    this.#waiting.set(requestId, { answers, onAnswer });
    const timer = setTimeout(resolve, timeoutMs);
    try {
      await redis.publish(keys.ask, JSON.stringify(question));
      await done;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(requestId);
    }
    return {
      answers: edgeIds.map((id) => answers.get(id)).filter((answer) => answer !== undefined),
      missingEdges: edgeIds.filter((id) => !answers.has(id)),
    };
  }

  #hear(text: string): void {
    try {
      const answer = readMessage(ConnectionAnswer, text);
      const waiting = this.#waiting.get(answer.requestId);
      if (!waiting) return; // it came too late
      waiting.answers.set(answer.edgeId, answer);
      waiting.onAnswer();
    } catch (err) {
      this.#options.log.error({ err }, "an edge's answer cannot be read");
    }
  }
}
