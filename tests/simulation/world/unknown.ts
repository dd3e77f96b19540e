import type { JobRow } from '../../../lib/jobs/row';

/** Only a person can settle it, unless a sign has come. */
export const isUnknown = ({ state, reason, evidence }: JobRow): boolean =>
  state === 'held' && reason === 'unknown' && evidence === undefined;
