// Every door that asks who somebody is, and how to knock at it.

import { ask } from '../harness/guarded-service.ts';

/** `open`: whoever shows this is somebody; else what the refusal was. */
export interface Knock {
  readonly isOpen: boolean;
  readonly said: string;
}

export interface Door {
  readonly name: string;
  /** @param authorization the header as it is; null: none */
  readonly knock: (authorization: string | null) => Promise<Knock>;
}

export function httpDoor(name: string, url: string, method: string, path: string, body?: unknown): Door {
  return {
    name,
    knock: async (authorization) => {
      const { status, text: said } = await ask(url, method, path, {
        ...(body === undefined ? {} : { body }),
        headers: authorization === null ? {} : { authorization },
      });
      return { isOpen: status !== 401, said: `${status} ${said}` };
    },
  };
}
