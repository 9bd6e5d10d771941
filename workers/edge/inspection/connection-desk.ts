// Hears what control planes ask about this edge's clients, by way of Redis, and answers.

import type { Logger } from '../../../platform/log.ts';
import { type Redis, subscribeAtStart } from '../../../platform/redis.ts';
import { type ConnectionKeys, ConnectionQuestion } from '../../../schemas/connection-control.ts';
import { readMessage } from '../../../schemas/coordination.ts';
import { reasonOf } from '../../../schemas/errors.ts';
import { answerTo, type Inspection } from './connection-answers.ts';

export interface ConnectionDeskOptions extends Inspection {
  readonly commands: Redis;
  readonly keys: ConnectionKeys;
  readonly log: Logger;
}

export class ConnectionDesk {
  readonly #options: ConnectionDeskOptions;

  constructor(options: ConnectionDeskOptions) {
    this.#options = options;
  }

  /** @param notices a connection in subscriber mode, shared with others */
  async start(notices: Redis): Promise<void> {
    const { keys } = this.#options;
    notices.on('message', (channel: string, text: string) => {
      if (channel === keys.ask) void this.#onQuestion(text);
    });
    await subscribeAtStart(notices, 'subscribe', [keys.ask]);
  }

  /** An answer that does not arrive is one the asker does without; it says so. */
  async #onQuestion(text: string): Promise<void> {
    const { commands, keys, log } = this.#options;
    try {
      const question = readMessage(ConnectionQuestion, text);
      const answer = answerTo(question, this.#options);
      if (answer === null) return;
      const { kind } = question.ask;
      if (answer.disconnected > 0) log.info({ kind, disconnected: answer.disconnected }, 'clients were disconnected');
      await commands.publish(keys.told(question.replyTo), JSON.stringify(answer));
    } catch (error) {
      log.warn({ reason: reasonOf(error) }, 'a question about connections could not be answered');
    }
  }
}
