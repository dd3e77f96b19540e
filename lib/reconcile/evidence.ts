import { appended } from '../jobs/history';
import type { Ledger } from '../jobs/ledger';
import { sentByEvidence } from '../jobs/mail';
import { isEnd, type JobRow } from '../jobs/row';
import { provenSteps } from '../jobs/schedule';
import type { Clock } from '../ports';

/**
 * Resolves the unknown steps of an ended job for which evidence has come, such as a mail that the job did not wait for.
 * It removes the mark of the record, so that the record is written again.
 */
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

/** A job's result has the state of its mail under the step's name (lib/worker/best-effort.ts). */
const withMailSent = (result: unknown, name: string): unknown =>
  typeof result === 'object' && result !== null && (result as Record<string, unknown>)[name] === 'unknown'
    ? { ...result, [name]: 'sent' }
    : result;
