import type { MadeState, State } from '../../lib/jobs/row';

/** A state for a row that a test lays down, where the service would follow transitions. */
export const inState = (state: State): MadeState => state as MadeState;
