import { eachOf } from '../concurrency';
import { codeOf } from '../errors';
import { everyDue, readItem } from '../jobs/items';
import { evidenceKey, jobKey, todoKey } from '../jobs/keys';
import { evidenceSchema, type Ledger } from '../jobs/ledger';
import { appended, type Evidence, isEnd, type JobRow } from '../jobs/row';
import { provenSteps } from '../jobs/schedule';
import type { Clock } from '../ports';
import { isMailQueue, MAIL_STEPS, sentByEvidence } from '../worker/mail';
import type { ReconcileRun, Work } from './run';

const AT_ONCE = 32;

/** Writes the evidence of vendors' events into the rows of their jobs, in any state, and deletes its items. */
export const foldEvidence: Work = async (deps, queue, mayGoOn) => {
  if (!isMailQueue(queue)) return;
  const step = MAIL_STEPS[queue];
  const prefix = evidenceKey(queue, step, '');
  for await (const keys of everyDue(deps, { todo: todoKey(queue, 'evidence'), mayGoOn }))
    await eachOf(keys, AT_ONCE, async (key) => {
      const id = key.slice(prefix.length);
      if (!mayGoOn() || !key.startsWith(prefix)) return;
      await fold(deps, { key, row: jobKey(queue, id), step }).catch((error: unknown) =>
        deps.failed({ queue, jobId: id, code: codeOf(error) }),
      );
    });
};

/** The row comes first. If the delete is lost, the next run finds that the row has evidence. */
async function fold(deps: ReconcileRun, { key, row, step }: { key: string; row: string; step: string }): Promise<void> {
  const item = await readItem(deps, key);
  if (!item) return;
  const evidence = item.evidence as Evidence;
  // Evidence that cannot be read proves nothing, and would damage the row.
  if (evidenceSchema.safeParse(evidence).success)
    await deps.ledger.update(row, (now) =>
      now.evidence?.[step] ? undefined : { ...now, evidence: { ...now.evidence, [step]: evidence } },
    );
  await deps.table.delete(key, item.version);
}

/** Resolves the unknown steps of an ended job by evidence, and removes the mark of its record, which is out of date. */
export async function resolveByEvidence(
  { ledger, clock }: { ledger: Ledger; clock: Clock },
  row: JobRow,
): Promise<JobRow | undefined> {
  if (provenSteps(row).length === 0) return row;
  const at = clock.now();
  // If the job was reopened meanwhile, its next run resolves the steps.
  const { item } = await ledger.update(row.key, (now) => (isEnd(now.state) ? resolved(now, at) : undefined));
  return item;
}

function resolved({ recordedAt: _recordedAt, ...row }: JobRow, at: number): JobRow {
  const steps = { ...row.steps };
  let { result, history } = row;
  for (const [name, evidence] of provenSteps(row)) {
    const startedAt = steps[name]?.startedAt ?? evidence.at;
    steps[name] = { status: 'done', startedAt, endedAt: at, result: sentByEvidence(evidence) };
    result = withMailSent(result, name);
    history = appended(history, { at, event: `${name} proven`, note: evidence.event });
  }
  return { ...row, steps, result, history };
}

/** A job's result has the state of its mail under the step's name (lib/worker/mail.ts). */
const withMailSent = (result: unknown, name: string): unknown =>
  typeof result === 'object' && result !== null && (result as Record<string, unknown>)[name] === 'unknown'
    ? { ...result, [name]: 'sent' }
    : result;
