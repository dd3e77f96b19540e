import { mapEach } from '../concurrency';
import { jobKey } from '../jobs/keys';
import { isEnd, type JobRow } from '../jobs/row';
import { sendCanary } from '../reconcile/canary';
import type { OperatorDeps } from './operator';

/** A job that was sent to see whether a deployment works. */
export interface Probe {
  queue: string;
  id: string;
}

const AT_ONCE = 8;
const LOOK_MS = 1_000;

/** Sends a canary through each queue: a job that the worker claims and ends without work. No vendor is called. */
export const sendCanaries = (deps: OperatorDeps, queues: readonly string[]): Promise<Probe[]> =>
  mapEach(queues, AT_ONCE, async (queue) => {
    const canary = { id: deps.random.uuid(), at: deps.clock.now() };
    await sendCanary(deps, queue, canary);
    return { queue, id: canary.id };
  });

/** Waits until all jobs have ended, at most `limitMs`. Returns their rows in the same order. */
export async function waitForEnds(
  { ledger, clock }: Pick<OperatorDeps, 'ledger' | 'clock'>,
  probes: readonly Probe[],
  limitMs: number,
): Promise<(JobRow | undefined)[]> {
  const until = clock.now() + limitMs;
  for (;;) {
    const rows = await mapEach(probes, AT_ONCE, ({ queue, id }) => ledger.get(jobKey(queue, id)));
    if (rows.every((row) => row && isEnd(row.state)) || clock.now() >= until) return rows;
    await clock.sleep(LOOK_MS);
  }
}
