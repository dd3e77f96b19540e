import type { JobRow } from '../jobs/row';
import { cancel, discard } from './act';
import { type ActingDeps, stateOf } from './operator';
import { retry } from './retry';

/** What an operator can do to a job. */
export type JobAct = 'retry' | 'cancel' | 'discard';

/** Does it, and says what happened. */
export const JOB_ACTS: Record<JobAct, (deps: ActingDeps, row: JobRow) => Promise<string>> = {
  retry: async (deps, row) => {
    const { messageId } = await retry(deps, row);
    const how = messageId === undefined ? 'is open again with its old message' : `sent as message ${messageId}`;
    return `was ${stateOf(row)}, ${how}.`;
  },
  cancel: async (deps, row) => `was ${stateOf(row)}, is ${stateOf(await cancel(deps, row))}.`,
  discard: async (deps, row) => {
    await discard(deps, row);
    return `was ${stateOf(row)}. Its entry leaves the DLQ within minutes.`;
  },
};
