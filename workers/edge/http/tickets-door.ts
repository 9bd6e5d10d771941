// `POST /v1/tickets`: a ticket for whoever shows a credential.

import type { Authenticator } from '../../../platform/identity/authenticator.ts';
import { credentialOf } from './credential.ts';
import type { Exchange } from './exchange.ts';
import type { HttpTelemetry } from './http-telemetry.ts';
import type { Tickets } from './tickets.ts';

export class TicketsDoor {
  readonly #authenticator: Authenticator;
  readonly #tickets: Tickets;
  readonly #telemetry: HttpTelemetry;

  constructor(authenticator: Authenticator, tickets: Tickets, telemetry: HttpTelemetry) {
    this.#authenticator = authenticator;
    this.#tickets = tickets;
    this.#telemetry = telemetry;
  }

  /** @throws MdsError `MDS_UNAUTHENTICATED` or `MDS_DEPENDENCY_UNAVAILABLE` */
  async handle(exchange: Exchange): Promise<void> {
    const credential = credentialOf(exchange.request);
    await this.#authenticator.authenticate(credential);
    const ticket = await this.#tickets.make(credential);
    const headers = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' };
    exchange.answer(201, headers, JSON.stringify(ticket));
    this.#telemetry.onAnswer('tickets', 201);
  }
}
