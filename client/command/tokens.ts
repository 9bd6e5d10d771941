// `mds tokens`: tokens that are not taken any more.

import { Command } from 'commander';
import type { NewRevocation } from '../../schemas/api/identity.ts';
import { runCommand } from './command-context.ts';
import { formatTable } from './table.ts';

const EXAMPLES = `
For operators. In effect everywhere within 5 s, for connections that are open too. It cannot be taken back.

Examples:
  mds tokens
  mds tokens revoke --issuer https://login.example.com/ --jti 6f1c9a
  mds tokens revoke --issuer https://login.example.com/ --subject ana`;

interface RevokeOptions {
  readonly issuer: string;
  readonly jti?: string;
  readonly subject?: string;
  readonly before?: string;
}

export function tokensCommand(): Command {
  const tokens = new Command('tokens')
    .description('tokens: revoke them, and list what was revoked')
    .addHelpText('after', EXAMPLES);
  tokens
    .command('list', { isDefault: true })
    .description('revocations (what `mds tokens` alone does)')
    .action((_options, command: Command) =>
      runCommand(command, async ({ identities, output }) => {
        const found = await identities.revocations();
        await output.result(found, () => {
          if (found.length === 0) return 'No token was revoked.';
          const rows = found.map(({ issuer, jti, subject, issuedBefore, createdAt }) => [
            createdAt,
            issuer,
            jti === null ? `of ${subject}, issued before ${issuedBefore}` : jti,
          ]);
          return formatTable(
            [{ name: 'AT', isWhole: true }, { name: 'ISSUER' }, { name: 'TOKENS' }],
            rows,
            output.columns,
          );
        });
        return undefined;
      }),
    );
  tokens
    .command('revoke')
    .description('revoke one token, or all of a subject that were issued until now')
    .requiredOption('--issuer <issuer>', 'as tokens name it in iss')
    .option('--jti <jti>', 'the token with this id')
    .option('--subject <subject>', 'all tokens of this subject')
    .option('--before <time>', 'with --subject: issued before this time (RFC 3339; default: now)')
    .action((options: RevokeOptions, command: Command) =>
      runCommand(command, async ({ identities, output }) => {
        const revoked = await identities.revoke(wishOf(options, command));
        await output.result(revoked, () => `revoked; kept until ${revoked.keptUntil}`);
        return undefined;
      }),
    );
  return tokens;
}

function wishOf({ issuer, jti, subject, before }: RevokeOptions, command: Command): NewRevocation {
  if (jti !== undefined && subject === undefined && before === undefined) return { issuer, jti };
  if (subject === undefined || jti !== undefined) command.error('error: give either --jti, or --subject');
  return { issuer, subject, ...(before === undefined ? {} : { issuedBefore: before }) };
}
