// The rules between MDS_AUTH, MDS_AUTH_SECRET and MDS_HOST, which no single variable's schema can say.

const LOOPBACK = /^(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1|localhost)$/;
export const isLoopback = (host: string): boolean => LOOPBACK.test(host.replace(/^\[(.*)\]$/, '$1'));

/** As long as the hash: a shorter key would be what is guessed. */
const MIN_SECRET_BYTES = 32;
export const AUTH_SECRET_EXPECTED = `at least ${MIN_SECRET_BYTES} random bytes as hex or base64, such as \`openssl rand -hex ${MIN_SECRET_BYTES}\` prints`;
const HEX = /^([0-9a-f]{2})+$/i;
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/;

/** @returns no bytes for a text that is neither hex nor base64 */
export function authSecretBytes(text: string): Uint8Array {
  if (HEX.test(text)) return Buffer.from(text, 'hex');
  return Buffer.from(BASE64.test(text) ? text : '', 'base64');
}

/**
 * @param values a process's configuration, each value valid by itself
 * @returns what does not go together, as sentences that name the variables; never the secret itself
 */
export function authProblems(
  values: Readonly<Record<string, unknown>>,
  knows: (property: string) => boolean,
): string[] {
  const problems: string[] = [];
  const { auth, authSecret, host } = values;
  if (auth === 'on' && knows('authSecret')) {
    const bytes = typeof authSecret === 'string' ? authSecretBytes(authSecret).length : null;
    const rule = `it must be ${AUTH_SECRET_EXPECTED}; or set MDS_AUTH=off, which allows everybody on this machine everything`;
    if (bytes === null) problems.push(`MDS_AUTH_SECRET is not set; ${rule}`);
    else if (bytes < MIN_SECRET_BYTES) problems.push(`MDS_AUTH_SECRET is too short or neither hex nor base64; ${rule}`);
  }
  if (auth === 'off' && typeof host === 'string' && !isLoopback(host)) {
    problems.push(
      `MDS_HOST is ${JSON.stringify(host)}; it must be a loopback address (127.0.0.1, ::1 or localhost) while MDS_AUTH is off`,
    );
  }
  return problems;
}
