import type { Read } from '../../lib/emails/recipients';
import { SUPPRESSION_REASONS } from '../../lib/emails/suppression';
import { OperatorError } from '../../lib/ops/operator';
import { counted, emailAddress } from '../../lib/text';
import { type Command, type CommandContext, type Option, oneOf, readCsv, required, text } from './command';

const EMAIL: Option = { usage: 'Address', type: 'string' };

export const suppress = {
  'suppress add': {
    usage: 'Add an address, or those of a CSV file, to the list of addresses that get no mail. Safe to repeat',
    writes: true,
    options: {
      email: EMAIL,
      file: { usage: 'CSV file. Its header names email; other columns do not count', type: 'string' },
      as: { usage: `Why: ${SUPPRESSION_REASONS.join(', ')}. Default: unsubscribed`, type: 'string' },
    },
    run: async (context) => {
      const { options, out, audited } = context;
      const as = oneOf({ ...options, as: options.as ?? 'unsubscribed' }, 'as', SUPPRESSION_REASONS);
      const file = text(options, 'file');
      const email = text(options, 'email');
      if ((file === undefined) === (email === undefined)) throw new OperatorError('Give --email or --file.');
      const reads = file === undefined ? [{ line: 1, value: { email } }] : await readCsv(file);
      const rows = reads.map((read) => ({ line: read.line, email: addressOf(read) }));
      const people = rows.flatMap(({ email }) => (email === undefined ? [] : [{ email, reason: as }]));
      const wrong = rows.filter(({ email }) => email === undefined);
      const list = await listOf(context);
      await audited();
      const grown = await list.add(people);
      const before = people.length - grown;
      out.line(
        `${grown} added, ${before} listed before. The list has ${counted(await list.size(), 'address', 'addresses')}.`,
      );
      for (const { line } of wrong) out.note(`line ${line}: must have a valid address`);
      if (wrong.length > 0) throw new OperatorError(`${counted(wrong.length, 'line')} not added.`);
    },
  },

  'suppress remove': {
    usage: 'Remove an address from the list, so that it gets mail again',
    writes: true,
    options: { email: { ...EMAIL, required: true } },
    run: async (context) => {
      const list = await listOf(context);
      await context.audited();
      const removed = (await list.remove(required(context.options, 'email'))) < 0;
      context.out.line(removed ? 'The address was removed.' : 'The address was not listed.');
    },
  },
} satisfies Record<string, Command>;

async function listOf({ connect }: CommandContext) {
  const { suppression } = await connect();
  if (!suppression) throw new OperatorError('This instance has no queue emails, so it has no suppression list.');
  return suppression;
}

const addressOf = (read: Read): string | undefined =>
  emailAddress.safeParse('value' in read && (read.value as { email: unknown }).email).data;
