// The console's page imports this file into a browser, so it imports nothing.

/** A job's life: `queued → processing → succeeded | dead | cancelled`, with `held` in between. */
export const STATES = ['queued', 'processing', 'held', 'succeeded', 'dead', 'cancelled'] as const;
export type State = (typeof STATES)[number];

const HELD_REASONS = ['paused', 'throttled', 'retry', 'stopped', 'unknown'] as const;
const DEAD_REASONS = ['error', 'crash', 'expired'] as const;
const CANCELLED_REASONS = ['never-sent', 'operator', 'superseded'] as const;
/** The kinds of a state. No two states share one. */
export const REASONS = [...HELD_REASONS, ...DEAD_REASONS, ...CANCELLED_REASONS] as const;
export type HeldReason = (typeof HELD_REASONS)[number];
export type DeadReason = (typeof DEAD_REASONS)[number];
export type CancelledReason = (typeof CANCELLED_REASONS)[number];
export type Reason = (typeof REASONS)[number];

/** Dead jobs at which no operator has to look any more. */
export const PUT_ASIDE = ['discarded', 'replaced'] as const;

/** A job's state as operators see and search it: a dead job counts as dead until one of them has put it aside. */
export function shownState({ state, discarded, replacedBy }: { state: State; discarded?: true; replacedBy?: string }) {
  if (state !== 'dead') return state;
  return replacedBy === undefined ? (discarded ? 'discarded' : 'dead') : 'replaced';
}
