import { mapEach } from '../concurrency';
import { jobKey } from '../jobs/keys';
import { isEnd, type JobRow } from '../jobs/row';
import { OperatorError, stateOf } from '../ops/operator';
import { sendCanary } from '../reconcile/canary';
import { counted } from '../text';
import type { CommandContext } from './command';
import { tableText } from './text';

/** A canary of a queue, after its end or two minutes. */
export interface LiveCanary {
  queue: string;
  id: string;
  state: string;
  seconds?: number;
}

const AT_ONCE = 8;
const LOOK_MS = 1_000;
/** A cold start with a full batch before it takes far less. */
const LONGEST_MS = 120_000;

/**
 * Sends a canary through each queue and waits for their ends: jobs that the worker claims and ends without work, so no
 * vendor is called.
 */
export async function sendCanaries({
  out,
  operator,
  audited,
}: Pick<CommandContext, 'out' | 'operator' | 'audited'>): Promise<LiveCanary[]> {
  const deps = await operator();
  const { clock, ledger, random, queueNames } = deps;
  await audited();
  const sent = await mapEach(queueNames, AT_ONCE, async (queue) => {
    const canary = { id: random.uuid(), at: clock.now() };
    await sendCanary(deps, queue, canary);
    return { queue, id: canary.id };
  });
  out.note(`${counted(sent.length, 'canary', 'canaries')} sent.`);
  const until = clock.now() + LONGEST_MS;
  for (;;) {
    const rows = await mapEach(sent, AT_ONCE, ({ queue, id }) => ledger.get(jobKey(queue, id)));
    if (rows.every((row) => row && isEnd(row.state)) || clock.now() >= until)
      return sent.map((canary, index) => ({ ...canary, ...endOf(rows[index]) }));
    await clock.sleep(LOOK_MS);
  }
}

function endOf(row: JobRow | undefined): Pick<LiveCanary, 'state' | 'seconds'> {
  if (!row || !isEnd(row.state)) return { state: row ? stateOf(row) : 'no row' };
  return { state: stateOf(row), seconds: ((row.endedAt ?? 0) - (row.sentAt ?? row.createdAt)) / 1000 };
}

export const hasFailed = ({ state }: LiveCanary): boolean => state !== 'succeeded';

export function showCanaries({ out }: Pick<CommandContext, 'out'>, canaries: readonly LiveCanary[]): void {
  const cells = canaries.map(({ queue, id, state, seconds }) => [queue, id, state, seconds?.toFixed(1) ?? '']);
  out.lines(tableText(['QUEUE', 'ID', 'STATE', 'SECONDS'], cells));
  const [first, ...more] = canaries.filter(hasFailed);
  if (!first) return;
  throw new OperatorError(
    `${counted(more.length + 1, 'canary', 'canaries')} did not succeed in two minutes. See the log of ${first.queue}:`,
    `logs -f ${first.queue} --startTime 10m`,
  );
}
