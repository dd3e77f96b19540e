import { eachOf } from '../concurrency';
import { codeOf } from '../errors';
import { everyDue } from '../jobs/due';
import { evidenceKey, jobKey, todoKey } from '../jobs/keys';
import { readItem } from '../jobs/ledger';
import { isMailQueue, MAIL_STEPS } from '../jobs/mail';
import type { Evidence } from '../jobs/row';
import { evidenceSchema } from '../jobs/stored-row';
import type { ReconcileRun, Work } from './run';

/** The most pieces of evidence that are written at the same time. */
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
