import { createReadStream } from 'node:fs';
import { eachOf } from '../concurrency';
import { InvalidRecipientsError } from '../emails/recipient';
import { type Bytes, fromCsv, type Read } from '../emails/recipients';
import { StoreError } from '../errors';
import { OperatorError, type Reader } from '../ops/operator';
import { jobsWithKey } from '../ops/search';
import { IdempotencyConflictError, InvalidJobError } from '../producer/errors';
import { createProducer, type Producer } from '../producer/producer';
import { type InviteInput, TESTFLIGHT_QUEUE } from '../testflight/message';
import { counted } from '../text';
import type { Run } from './command';
import { required, unreadable } from './options';

const AT_ONCE = 8;
/** The principal of these idempotency keys. It differs from those of all API clients. */
const PRINCIPAL = 'sls testflight invite';

export const testflightRuns = {
  'testflight invite': async ({ options, out, operator, audited }) => {
    const to = { app: required(options, 'app'), groups: required(options, 'group').split(',') };
    const rows = await readTesters(required(options, 'file'));
    const deps = await operator();
    const producer = createProducer({ ...deps, source: '/sls/testflight-invite' });
    await audited();
    const answers: Answer[] = [];
    await eachOf(rows, AT_ONCE, async (row) => {
      answers.push({ line: row.line, ...(await queueInvitation({ ...deps, producer }, to, row)) });
      out.progress(answers.length, rows.length);
    });
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
  deps: Reader & { producer: Pick<Producer, 'invite'> },
  to: { app: string; groups: string[] },
  row: TesterRow,
): Promise<{ queued: boolean } | { problem: string }> {
  if ('problem' in row) return { problem: row.problem };
  try {
    const key = await keyOf(deps, JSON.stringify([to.app, to.groups.toSorted(), row.person.email.toLowerCase()]));
    const { duplicate } = await deps.producer.invite({ ...to, ...row.person }, { key, principal: PRINCIPAL });
    return { queued: !duplicate };
  } catch (error) {
    if (error instanceof InvalidJobError) return { problem: error.message };
    // The same address with another name.
    if (error instanceof IdempotencyConflictError) return { queued: false };
    if (error instanceof StoreError) return { problem: `${error.message}. Run the command again` };
    throw error;
  }
}

/** The key of an invitation: the one that it was queued with if it was, for example before the instance had a hash key. */
async function keyOf(deps: Reader, invitation: string): Promise<string> {
  const [written, ...earlier] = (await deps.hashPeople())(invitation);
  for (const key of earlier)
    if ((await jobsWithKey(deps, { key, principal: PRINCIPAL, queue: TESTFLIGHT_QUEUE })).length > 0) return key;
  return written;
}

function summary(answers: Answer[]) {
  const inOrder = answers.toSorted((a, b) => a.line - b.line);
  const queued = inOrder.filter((answer) => 'queued' in answer && answer.queued).length;
  const refused = inOrder.flatMap((answer) =>
    'problem' in answer ? [{ line: answer.line, problem: answer.problem }] : [],
  );
  return { queued, before: answers.length - queued - refused.length, refused };
}

type Person = Pick<InviteInput, 'email' | 'firstName' | 'lastName'>;

/** A row of a file of testers. Only its form has been checked. `line` counts from 1, including the header. */
type TesterRow = { line: number; person: Person } | { line: number; problem: string };

const COLUMNS = ['firstName', 'lastName'];

/** Reads a CSV file. Its header names email and, optionally, firstName and lastName. */
async function readTesters(file: string): Promise<TesterRow[]> {
  try {
    return await testersOf(createReadStream(file));
  } catch (error) {
    if (error instanceof InvalidRecipientsError) throw new OperatorError(`${file}: ${error.message}.`);
    throw unreadable(file, error);
  }
}

/** The rows of such a file. Rejects with an InvalidRecipientsError if the header is invalid. */
export async function testersOf(bytes: Bytes): Promise<TesterRow[]> {
  const rows: TesterRow[] = [];
  for await (const reads of fromCsv(bytes)) rows.push(...reads.map(testerRow));
  return rows;
}

function testerRow(read: Read): TesterRow {
  const { line } = read;
  if ('broken' in read) return { line, problem: read.broken };
  const { email, data = {}, ...more } = read.value as { email: string; data?: Record<string, string> };
  const known = Object.keys(more).length === 0 && Object.keys(data).every((column) => COLUMNS.includes(column));
  return known
    ? { line, person: { email, ...data } }
    : { line, problem: `the only columns are email, ${COLUMNS.join(' and ')}` };
}
