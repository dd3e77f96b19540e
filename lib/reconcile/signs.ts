import { appended } from '../jobs/capped-list';
import type { Ledger } from '../jobs/ledger';
import { sentBySign } from '../jobs/mail';
import { isEnd, type JobRow } from '../jobs/row';
import { provenSteps } from '../jobs/schedule';
import type { Clock } from '../ports';

/**
 * Settles the steps of an ended job that nobody could tell of and for which a sign has come since: of a mail that its
 * job did not wait for. The end then lacks its record, and whoever completes it writes it anew.
 */
export async function settleEnd(
  { ledger, clock }: { ledger: Ledger; clock: Clock },
  row: JobRow,
): Promise<JobRow | undefined> {
  if (provenSteps(row).length === 0) return row;
  const at = clock.now();
  // Reopened in between, its own run settles it.
  const { item } = await ledger.update(row.key, (now) => (isEnd(now.state) ? settled(now, at) : undefined));
  return item;
}

function settled({ recordedAt: _recordedAt, ...row }: JobRow, at: number): JobRow {
  const steps = { ...row.steps };
  let { result, history } = row;
  for (const [name, sign] of provenSteps(row)) {
    const startedAt = steps[name]?.startedAt ?? sign.at;
    steps[name] = { status: 'done', startedAt, endedAt: at, result: sentBySign(sign) };
    result = told(result, name);
    history = appended(history, { at, event: `${name} proven`, note: sign.event });
  }
  return { ...row, steps, result, history };
}

/** What a job says of its mail stands under the step's name (lib/worker/best-effort.ts). */
const told = (result: unknown, name: string): unknown =>
  typeof result === 'object' && result !== null && (result as Record<string, unknown>)[name] === 'unknown'
    ? { ...result, [name]: 'sent' }
    : result;
