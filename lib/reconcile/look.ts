import { todoKey } from '../jobs/keys';
import type { ReconcileRun } from './run';
import { walkMs } from './walk';

const MINUTE_MS = 60_000;
/** SQS counts approximately, and counts can agree by chance. So a look is due in each quarter of an hour anyway. */
const LOOK_ANYWAY_MS = 15 * MINUTE_MS;

/** A look at a DLQ. Nothing about it is stored, because the next run learns from the same counts whether to go on. */
export interface Look {
  /** Messages in the DLQ, visible or hidden. */
  entries: number;
  /** The time until the next look, if this one does not see the whole DLQ. */
  everyMs: number;
}

/**
 * The look at a queue's DLQ that is due now. The dead jobs whose entries have not expired have one entry each. Any other
 * number of entries means that there is something to judge.
 */
export async function lookNow(
  { queues, table, clock, settings, dlqUrl, lastRunAt }: ReconcileRun,
  queue: string,
): Promise<Look | undefined> {
  const now = clock.now();
  const { visible, inFlight } = await queues.depth(dlqUrl(queue));
  const entries = visible + inFlight;
  const parked = await table.count(todoKey(queue, 'dead'), { since: now - settings(queue).dlqRetention * 1000 });
  if (entries !== parked) return { entries, everyMs: MINUTE_MS };
  const quarter = (time: number) => Math.floor(time / LOOK_ANYWAY_MS);
  return quarter(now) === quarter(lastRunAt) ? undefined : { entries, everyMs: LOOK_ANYWAY_MS };
}

/**
 * For how long entries are hidden, so that the next looks see those behind them: twice the time until the whole DLQ is
 * seen, in ms. `judged`: how many messages this look has judged.
 */
export const hideMs = ({ entries, everyMs }: Look, judged: number): number =>
  walkMs((2 * everyMs * entries) / Math.max(1, judged));
