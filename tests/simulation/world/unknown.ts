import type { JobRow } from '../../../lib/jobs/row';

/** Whether only an operator can resolve the job's step, because no evidence has come. */
export const isUnknown = ({ state, reason, evidence }: JobRow): boolean =>
  state === 'held' && reason === 'unknown' && evidence === undefined;
