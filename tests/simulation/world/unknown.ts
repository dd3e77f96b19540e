import type { JobRow } from '../../../lib/jobs/row';

/** Whether only an operator can resolve the job's step, because no evidence has come. A damaged job does not wait. */
export const isUnknown = ({ state, reason, evidence, damage }: JobRow): boolean =>
  state === 'held' && reason === 'unknown' && evidence === undefined && damage === undefined;
