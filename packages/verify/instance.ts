import { recordFolder, verifiedKey } from '../../lib/engine/jobs/keys';
import { isEnd, type JobRow } from '../../lib/engine/jobs/row';
import { ignoreUnreadable } from '../../lib/engine/jobs/row-schema';
import { createFactReporter, DAILY } from '../../lib/engine/reconcile/facts';
import { type OperatorDeps, OperatorError } from '../../lib/operate/ops/operator';
import { awsErrorName } from '../../lib/platform/aws/clients';
import { endsBy } from '../../lib/platform/concurrency';
import { type CommonConfig, settingsOf } from '../../lib/platform/config/functions';
import { groupBy } from '../../lib/platform/group-by';
import type { Finding } from './check';
import { LookUpError, type Source, type Verified, verify } from './verify';

export function verifySource(config: CommonConfig, clients: Pick<Source, 'dynamodb' | 's3' | 'sqs' | 'zendesk'>) {
  const { INSTANCE: instance, TABLE: table, BUCKET: bucket, PREFIX: prefix } = config;
  const settings = settingsOf(config);
  const queues = Object.keys(config.QUEUES).map((name) => {
    const { type, retention, dlqRetention } = settings(name);
    return {
      name,
      records: recordFolder(prefix, name).slice(prefix.length + 1),
      fifo: type === 'fifo',
      retentionMs: retention * 1000,
      dlqRetentionMs: dlqRetention * 1000,
    };
  });
  return { ...clients, instance, table, bucket, prefix, queues, now: Date.now };
}

/** What the check of a day found, as it is stored (`verifiedKey`). `findings`: how many of each kind. */
export interface DayVerified {
  day: string;
  /** False: it did not finish in time, so nothing is known about the day. */
  complete: boolean;
  checked: number;
  findings: Record<string, number>;
  /** Queues whose DLQ entries could not be compared. */
  hidden: string[];
}

const DAY_MS = 86_400_000;
/** The rest of the time is for the summary and the facts. */
const CHECK_SHARE = 0.95;
const MOST_LINES = 20;

/**
 * Checks yesterday (UTC), stores the figures, and reports a fact for each kind of finding. If the time is over before,
 * it says `Incomplete`. Rejects with a StoreError or an error of the AWS SDK.
 */
export async function verifyYesterday(
  deps: Omit<Parameters<typeof createFactReporter>[0], 'daily'> & Pick<OperatorDeps, 'objects' | 'prefix'>,
  source: Source,
  { remainingMs }: { remainingMs: number },
): Promise<void> {
  const { objects, clock, log, prefix } = deps;
  const reporter = createFactReporter({ ...deps, daily: true });
  const to = Math.floor(clock.now() / DAY_MS) * DAY_MS;
  const check = verify(source, { from: to - DAY_MS, to });
  const complete = await endsBy(clock, clock.now() + remainingMs * CHECK_SHARE, check);
  const { checked, findings, hidden }: Verified = complete ? await check : { checked: 0, findings: [], hidden: [] };
  for (const { kind, id } of findings.slice(0, MOST_LINES)) log.error('stored data does not agree', { kind, key: id });
  const counts = [...groupBy(findings, ({ kind }) => kind)].map(([kind, { length }]) => [kind, length] as const);
  for (const [code, count] of complete ? counts : [['Incomplete', 1] as const])
    await reporter.report({ kind: DAILY, subject: '', code, count });
  // Without a whole check, nothing is over.
  if (!complete) await reporter.keep({ kind: DAILY, subject: '' });
  const day = new Date(to - DAY_MS).toISOString().slice(0, 10);
  const summary: DayVerified = { day, complete, checked, findings: Object.fromEntries(counts), hidden };
  await objects.put(verifiedKey(prefix, day), JSON.stringify(summary), 'application/json');
  log.info('a day was verified', { outcome: complete ? 'complete' : 'incomplete', count: findings.length });
  if ((await reporter.close()) > 0) throw new Error('the topic has not taken what the check found');
}

/** Checks what is stored. Rejects with an OperatorError if AWS or Zendesk does not answer. */
export const verified = (source: Source, hours: { from: number; to: number }): Promise<Verified> =>
  verify(source, hours).catch((error: unknown) => {
    const name = awsErrorName(error);
    const why = error instanceof LookUpError ? error.message : name && `A call of AWS failed: ${name}`;
    throw why === undefined ? error : new OperatorError(`${why}. Nothing was verified.`);
  });

const unrecorded = ({ recordedAt: _, ...row }: JobRow) => (isEnd(row.state) ? row : undefined);

/**
 * What the row of a finding becomes. An end without its mark counts as incomplete, so the reconciler writes the record
 * or sends the DLQ entry again. Each write also gives a row its places in the indexes.
 */
const REPAIRS: Partial<Record<Finding['kind'], (row: JobRow) => JobRow | undefined>> = {
  'lost-job': (row) => ({ ...row }),
  'end-without-record': unrecorded,
  'record-differs': unrecorded,
  'dead-without-entry': ({ parkedAt: _, ...row }) => (row.state === 'dead' ? row : undefined),
};

/**
 * Repairs the findings that the rows themselves determine, and returns them. The reconciler completes the rest within
 * minutes. Rejects with an OperatorError while DLQ entries are hidden, because a second entry could be sent for a job.
 */
export async function repair(
  { ledger }: Pick<OperatorDeps, 'ledger'>,
  { findings, hidden }: { findings: readonly Finding[]; hidden: readonly string[] },
): Promise<Finding[]> {
  if (hidden.length > 0)
    throw new OperatorError(
      `Another reader hides entries of the DLQ of ${hidden.join(', ')}. Nothing was repaired. Close the DLQ in the AWS console. If it has thousands of entries, the reconciler always hides some: retry or discard its jobs first.`,
    );
  const repaired: Finding[] = [];
  for (const finding of findings) {
    const change = REPAIRS[finding.kind];
    const written = change && (await ledger.update(finding.id, change).catch(ignoreUnreadable));
    if (written?.changed) repaired.push(finding);
  }
  return repaired;
}
