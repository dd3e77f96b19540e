import { awsErrorName } from '../../lib/aws/store-error';
import { type CommonConfig, settingsOf } from '../../lib/config/common';
import { recordFolder } from '../../lib/jobs/keys';
import { isEnd, type JobRow } from '../../lib/jobs/row';
import { type OperatorDeps, OperatorError } from '../../lib/ops/operator';
import type { Finding } from './check';
import { LookUpError, type Source, type Verified, verify } from './verify';

export function verifySource(
  config: CommonConfig,
  clients: Pick<Source, 'dynamodb' | 's3' | 'sqs' | 'zendesk'>,
): Source {
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
      `Another reader hides entries of the DLQ of ${hidden.join(', ')}. Nothing was repaired. Try again in a few minutes.`,
    );
  const repaired: Finding[] = [];
  for (const finding of findings) {
    const change = REPAIRS[finding.kind];
    if (change && (await ledger.update(finding.id, change)).changed) repaired.push(finding);
  }
  return repaired;
}
