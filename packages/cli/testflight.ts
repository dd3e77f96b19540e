import { mapEach } from '../../lib/concurrency';
import { StoreError } from '../../lib/errors';
import { type OperatorDeps, OperatorError } from '../../lib/ops/operator';
import { IdempotencyConflictError, InvalidJobError } from '../../lib/submit/errors';
import { kinds } from '../../lib/submit/kinds';
import { submit } from '../../lib/submit/submit';
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
    run: async ({ options, out, answer, connect, audited }) => {
      const to = { app: required(options, 'app'), groups: required(options, 'group').split(',') };
      const file = required(options, 'file');
      const rows = await readCsv(file);
      const deps = await connect();
      await audited();
      let done = 0;
      const outcomes = await mapEach(rows, AT_ONCE, async (row) => {
        const outcome =
          'broken' in row ? { problem: row.broken } : await queueInvitation(deps, to, testerOf(row.value));
        done += 1;
        out.progress(done, rows.length);
        return outcome;
      });
      const refused = outcomes.flatMap((outcome, at) =>
        typeof outcome === 'string' ? [] : [{ line: rows[at]?.line ?? 0, problem: outcome.problem }],
      );
      const queued = outcomes.filter((outcome) => outcome === 'queued').length;
      const before = outcomes.length - queued - refused.length;
      answer({ queued, before, refused }, [`${counted(queued, 'invitation')} queued, ${before} already queued.`]);
      if (!options.json) for (const { line, problem } of refused) out.note(`line ${line}: ${problem}`);
      if (refused.length > 0) throw new OperatorError(`${counted(refused.length, 'line')} not queued.`);
    },
  },
} satisfies Record<string, Command>;

/** What a row of the file says about a tester. Its columns are checked as the fields of the job. */
export function testerOf(row: unknown) {
  const { data = {}, ...columns } = row as { email: string; data?: Record<string, string> };
  return { ...data, ...columns };
}

/** `before`: this address was already queued for these groups. */
async function queueInvitation(
  deps: OperatorDeps,
  to: { app: string; groups: string[] },
  tester: ReturnType<typeof testerOf>,
) {
  const producer = { ...deps, source: '/sls/testflight-invite' };
  try {
    const invitation = JSON.stringify([to.app, to.groups.toSorted(), tester.email.toLowerCase()]);
    const [key] = (await deps.hashPeople())(invitation);
    const job = await kinds.invite({ ...tester, ...to }, { key, principal: PRINCIPAL }, producer);
    const { duplicate } = await submit(producer, job);
    return duplicate ? 'before' : 'queued';
  } catch (error) {
    if (error instanceof InvalidJobError) return { problem: error.message };
    // The same address with another name.
    if (error instanceof IdempotencyConflictError) return 'before';
    if (error instanceof StoreError) return { problem: `${error.message}. Run the command again` };
    throw error;
  }
}
