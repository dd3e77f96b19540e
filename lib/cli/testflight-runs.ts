import { eachOf } from '../concurrency';
import { StoreError } from '../errors';
import { sha256 } from '../jobs/envelope';
import { OperatorError } from '../ops/operator';
import { IdempotencyConflictError, InvalidJobError } from '../producer/errors';
import { createProducer, type Producer } from '../producer/producer';
import { counted } from '../text';
import type { Run } from './command';
import { required } from './options';
import { readTesters, type TesterRow } from './testers';

const AT_ONCE = 8;
/** The principal of these idempotency keys. It differs from those of all API clients. */
const PRINCIPAL = 'sls testflight invite';

/** The code of `sls testflight …`. */
export const testflightRuns = {
  'testflight invite': async ({ options, out, operator, audited }) => {
    const to = { app: required(options, 'app'), groups: required(options, 'group').split(',') };
    const rows = await readTesters(required(options, 'file'));
    const producer = createProducer({ ...(await operator()), source: '/sls/testflight-invite' });
    await audited();
    const bar = out.progress(rows.length);
    const answers: Answer[] = [];
    try {
      await eachOf(rows, AT_ONCE, async (row) => {
        answers.push({ line: row.line, ...(await queueInvitation(producer, to, row)) });
        bar.set(answers.length);
      });
    } finally {
      bar.stop();
    }
    const found = summary(answers);
    if (options.json) out.json(found);
    else {
      out.line(`${counted(found.queued, 'invitation')} queued, ${found.before} already queued.`);
      for (const { line, problem } of found.refused) out.note(`line ${line}: ${problem}`);
    }
    if (found.refused.length > 0) throw new OperatorError(`${counted(found.refused.length, 'line')} not queued.`);
  },
} satisfies Record<string, Run>;

type Answer = { line: number } & ({ queued: boolean } | { problem: string });

/** `queued: false`: this address was already queued for these groups. */
async function queueInvitation(
  producer: Pick<Producer, 'invite'>,
  to: { app: string; groups: string[] },
  row: TesterRow,
): Promise<{ queued: boolean } | { problem: string }> {
  if ('problem' in row) return { problem: row.problem };
  const key = sha256(JSON.stringify([to.app, to.groups.toSorted(), row.person.email.toLowerCase()]));
  try {
    const { duplicate } = await producer.invite({ ...to, ...row.person }, { key, principal: PRINCIPAL });
    return { queued: !duplicate };
  } catch (error) {
    if (error instanceof InvalidJobError) return { problem: error.message };
    // The same address with another name.
    if (error instanceof IdempotencyConflictError) return { queued: false };
    if (error instanceof StoreError) return { problem: `${error.message}. Run the command again` };
    throw error;
  }
}

function summary(answers: Answer[]) {
  const inOrder = answers.toSorted((a, b) => a.line - b.line);
  const queued = inOrder.filter((answer) => 'queued' in answer && answer.queued).length;
  const refused = inOrder.flatMap((answer) =>
    'problem' in answer ? [{ line: answer.line, problem: answer.problem }] : [],
  );
  return { queued, before: answers.length - queued - refused.length, refused };
}
