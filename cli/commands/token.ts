import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import type { TokenScope } from '../../gateway/dependencies.ts';
import type { Tokens } from '../../stores/tokens.ts';
import { usage } from '../failure.ts';
import { examples } from '../help.ts';
import { note, print, safe, table } from '../output.ts';
import type { GlobalOptions } from '../options.ts';

type Listed = Awaited<ReturnType<Tokens['list']>>;

/** `firebreak token …`: works on the state directory, beside a gateway that may run. */
export function tokenCommand(): Command {
  const token = new Command('token').description('Make and end the tokens that the gateway accepts.');
  token.addCommand(create());
  token.addCommand(list());
  token.addCommand(revoke());
  return token;
}

interface CreateOptions extends GlobalOptions {
  owner: string;
  scope: TokenScope[];
  cluster?: string;
  registry?: string;
  expires?: string;
  label: string;
}

const scopes: readonly TokenScope[] = ['alerts', 'read', 'decide', 'registry-events'];

function create(): Command {
  const command = new Command('create')
    .description('Make a token, and print its secret this once. Only its hash is kept.')
    .requiredOption('--owner <id>', 'who answers for it: an id from `people`')
    .addOption(
      new Option('--scope <scope...>', 'what it is for; repeat for more')
        .choices(scopes)
        .makeOptionMandatory(),
    )
    .option('--cluster <name>', 'alerts that come with it are about this cluster, whatever they say')
    .option('--registry <name>', 'registry events that come with it are of this registry, or refused')
    .option('--expires <date>', 'when it ends: a date, or 30d', expiry)
    .option('--label <text>', 'what it is for, in words', '')
    .action(async (_: object, self: Command) => {
      const options = self.optsWithGlobals<CreateOptions>();
      const { createToken } = await import('../tokens.ts');
      const { id, secret } = await createToken(options);
      print(options, { id, secret }, () => secret);
      note(
        `Token ${id} of ${options.owner}. This is the only time it is shown: keep it in a file that only you can read.`,
      );
    });
  return examples(command, [
    ['firebreak token create --owner falco --scope alerts --cluster prod', 'for a detector'],
    [
      'firebreak token create --owner images --scope registry-events --registry images',
      'for the notifications of a registry',
    ],
    [
      'firebreak token create --owner ada --scope read decide --expires 30d > ~/.firebreak-token',
      'for a person',
    ],
  ]);
}

function list(): Command {
  const command = new Command('list')
    .description(
      'List the tokens: whose, for what, bound to which cluster or registry, until when. Never their secrets.',
    )
    .action(async (_: object, self: Command) => {
      const options = self.optsWithGlobals<GlobalOptions>();
      const { openExistingState } = await import('../state.ts');
      const { state } = await openExistingState(options.config);
      const tokens = await state.tokens.list();
      print(options, { tokens }, () => renderTokens(tokens));
    });
  return examples(command, [['firebreak token list', 'find the id of one to revoke']]);
}

function revoke(): Command {
  const command = new Command('revoke')
    .description('End a token for good, at once.')
    .addArgument(new Argument('<id>', 'as `token list` shows it').argParser(tokenId))
    .action(async (id: string, _: object, self: Command) => {
      const options = self.optsWithGlobals<GlobalOptions>();
      const { localUser, openExistingState } = await import('../state.ts');
      const { state } = await openExistingState(options.config);
      await state.tokens.revoke(id, localUser());
      print(options, { id, revoked: true }, () => `Token ${id} is revoked.`);
    });
  return examples(command, [['firebreak token revoke 0123456789abcdef', 'a running gateway obeys at once']]);
}

function renderTokens(tokens: Listed): string {
  if (tokens.length === 0) return 'No tokens.';
  return table(
    ['ID', 'OWNER', 'SCOPES', 'CLUSTER', 'REGISTRY', 'STATE', 'LABEL'],
    tokens.map(({ id, owner, scopes: held, cluster, registry, expiresAt, revoked, label }) => [
      id,
      safe(owner, 64),
      held.join(','),
      safe(cluster ?? '-', 64),
      safe(registry ?? '-', 64),
      stateOf(expiresAt, revoked),
      safe(label, 60),
    ]),
  );
}

function stateOf(expiresAt: string | undefined, revoked: Listed[number]['revoked']): string {
  if (revoked !== undefined) return `revoked ${revoked.at.slice(0, 10)}`;
  if (expiresAt === undefined) return 'valid';
  return Date.parse(expiresAt) <= Date.now()
    ? `expired ${expiresAt.slice(0, 10)}`
    : `until ${expiresAt.slice(0, 10)}`;
}

/** A date, or a number of days from now, as RFC 3339 UTC. */
function expiry(text: string): string {
  const days = /^([1-9]\d{0,3})d$/.exec(text)?.[1];
  const at = days === undefined ? Date.parse(text) : Date.now() + Number(days) * 86_400_000;
  if (Number.isNaN(at) || at <= Date.now())
    throw new InvalidArgumentError(
      'Write a date to come, such as 2030-01-31, or a number of days, such as 30d.',
    );
  return new Date(at).toISOString();
}

/** Refused here: it becomes the name of a file. */
function tokenId(text: string): string {
  if (/^[0-9a-f]{16}$/.test(text)) return text;
  if (text.startsWith('fbt_'))
    throw usage('<id>: that is a secret, and now in your shell history; give the id, and revoke it');
  throw new InvalidArgumentError('Write 16 hexadecimal digits, as `token list` shows them.');
}
