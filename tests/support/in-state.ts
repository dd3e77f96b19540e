import type { MadeState, State } from '../../lib/engine/jobs/row';

/** Sets a row's state directly in a test. The service must follow transitions. */
export const inState = (state: State): MadeState => state as MadeState;
