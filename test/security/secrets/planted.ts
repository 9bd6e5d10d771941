// Secrets that are planted, and the forms in which they could show: as they are, decoded, encoded, or the part that matters. Pure.

/** Shorter pieces would be found by chance. */
const MIN_CHARS = 16;

export class Planted {
  readonly #forms = new Map<string, string>();

  /** @param secret an API key, a token, a password or a key of an HMAC */
  plant(name: string, secret: string): void {
    for (const form of [secret, ...partsOf(secret)]) {
      for (const shown of [form, encodeURIComponent(form), base64(form), base64url(form)]) {
        if (shown.length >= MIN_CHARS) this.#forms.set(shown, name);
      }
    }
  }

  get size(): number {
    return this.#forms.size;
  }

  /** @returns the names of those that stand in the text, each with some of what is around it */
  foundIn(text: string): string[] {
    return [...this.#forms].flatMap(([form, name]) => {
      const at = text.indexOf(form);
      return at < 0
        ? []
        : [
            `${name} in …${text.slice(Math.max(0, at - 60), at)}█${text.slice(at + form.length, at + form.length + 20)}…`,
          ];
    });
  }
}

/** Of an API key its secret, of a token its claims and its signature. */
function partsOf(secret: string): string[] {
  if (secret.startsWith('mds_')) return [secret.slice(secret.indexOf('_', 4) + 1)];
  return secret.split('.').length === 3 ? secret.split('.').slice(1) : [];
}

const base64 = (text: string): string => Buffer.from(text).toString('base64').replace(/=+$/, '');
const base64url = (text: string): string => Buffer.from(text).toString('base64url');
