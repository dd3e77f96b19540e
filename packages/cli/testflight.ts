import { eachOf } from '../../lib/concurrency';
import type { Read } from '../../lib/emails/recipients';
import { StoreError } from '../../lib/errors';
import { type OperatorDeps, OperatorError } from '../../lib/ops/operator';
import { jobsWithKey } from '../../lib/ops/search';
import { IdempotencyConflictError, InvalidJobError } from '../../lib/submit/errors';
import { kinds } from '../../lib/submit/kinds';
import { submit } from '../../lib/submit/submit';
import { TESTFLIGHT_QUEUE } from '../../lib/testflight/message';
import { counted } from '../../lib/text';
import { type Command, JSON_OUTPUT, readCsv, required } from './command';

const AT_ONCE = 8;
/** The principal of these idempotency keys. It differs from those of all API clients. */
const PRINCIPAL = 'sls testflight invite';

export const testflight = {
  'testflight invite': {
    usage: 'Invite the testers in a CSV file to an app. Safe to repeat',
    writes: true,
    options: {
      app: { usage: "Apple's id of the app (digits)", type: 'string', required: true },
      group: { usage: "Apple's ids of the testers' groups, separated by commas", type: 'string', required: true },
      file: { usage: 'CSV file. Its header names email, firstName and lastName', type: 'string', required: true },
      json: JSON_OUTPUT,
    },
    run: async ({ options, out, connect, audited }) => {
      const to = { app: required(options, 'app'), groups: required(options, 'group').split(',') };
      const file = required(options, 'file');
      const rows = (await readCsv(file)).map(testerRow);
      const deps = await connect();
      await audited();
      const refused: { line: number; problem: string }[] = [];
      const done = { queued: 0, before: 0 };
      await eachOf(rows, AT_ONCE, async (row) => {
        const outcome = 'problem' in row ? row : await queueInvitation(deps, to, row.person);
        if (typeof outcome === 'string') done[outcome] += 1;
        else refused.push({ line: row.line, problem: outcome.problem });
        out.progress(done.queued + done.before + refused.length, rows.length);
      });
      refused.sort((a, b) => a.line - b.line);
      if (options.json) out.json({ ...done, refused });
      else {
        out.line(`${counted(done.queued, 'invitation')} queued, ${done.before} already queued.`);
        for (const { line, problem } of refused) out.note(`line ${line}: ${problem}`);
      }
      if (refused.length > 0) throw new OperatorError(`${counted(refused.length, 'line')} not queued.`);
    },
  },
} satisfies Record<string, Command>;

type Person = { email: string } & Record<string, string>;

/** `before`: this address was already queued for these groups. */
async function queueInvitation(deps: OperatorDeps, to: { app: string; groups: string[] }, person: Person) {
  const producer = { ...deps, source: '/sls/testflight-invite' };
  try {
    const key = await keyOf(deps, JSON.stringify([to.app, to.groups.toSorted(), person.email.toLowerCase()]));
    const invitation = await kinds.invite({ ...to, ...person }, { key, principal: PRINCIPAL }, producer);
    const { duplicate } = await submit(producer, invitation);
    return duplicate ? 'before' : 'queued';
  } catch (error) {
    if (error instanceof InvalidJobError) return { problem: error.message };
    // The same address with another name.
    if (error instanceof IdempotencyConflictError) return 'before';
    if (error instanceof StoreError) return { problem: `${error.message}. Run the command again` };
    throw error;
  }
}

/** The key of an invitation: the one that it was queued with if it was, for example before a change of the hash key. */
async function keyOf(deps: OperatorDeps, invitation: string): Promise<string> {
  const [written, ...earlier] = (await deps.hashPeople())(invitation);
  for (const key of earlier)
    if ((await jobsWithKey(deps, { key, principal: PRINCIPAL, queue: TESTFLIGHT_QUEUE })).length > 0) return key;
  return written;
}

const COLUMNS = ['firstName', 'lastName'];

/** A row of a file of testers. Only its form has been checked. `line` counts from 1, including the header. */
type TesterRow = { line: number; person: Person } | { line: number; problem: string };

export function testerRow(read: Read): TesterRow {
  const { line } = read;
  if ('broken' in read) return { line, problem: read.broken };
  const { email, data = {}, ...more } = read.value as { email: string; data?: Record<string, string> };
  if (Object.keys(more).length === 0 && Object.keys(data).every((column) => COLUMNS.includes(column)))
    return { line, person: { email, ...data } };
  return { line, problem: `the only columns are email, ${COLUMNS.join(' and ')}` };
}
