import type { CancelledReason, JobRow, State } from './row';

/** Where a job is in its life. A cancelled job's reason decides whether a message may open it again. */
export type Place = Exclude<State, 'cancelled'> | `cancelled (${CancelledReason})`;

export const PLACES: readonly Place[] = [
  ...(['queued', 'processing', 'held', 'succeeded', 'dead'] as const),
  ...(['cancelled (never-sent)', 'cancelled (operator)', 'cancelled (superseded)'] as const),
];

/**
 * Every arrow of a job's life. The functions of transitions.ts follow them, and nothing else in the project assigns a
 * row's state, reason, attempts or counters. docs/jobs.md says who follows each arrow, and when.
 */
export const ARROWS = {
  plan: { from: ['queued', 'cancelled (never-sent)'], to: 'held' },
  claim: { from: ['queued', 'processing', 'dead', 'cancelled (never-sent)'], to: 'processing' },
  succeed: { from: ['processing'], to: 'succeeded' },
  retry: { from: ['processing'], to: 'queued' },
  giveBack: { from: ['processing'], to: 'queued' },
  hold: { from: ['processing'], to: 'held' },
  park: { from: ['processing'], to: 'dead' },
  stop: { from: ['processing'], to: 'cancelled' },
  release: { from: ['held'], to: 'queued' },
  endWithoutBody: { from: ['held', 'queued'], to: 'dead' },
  parkPoison: { from: ['queued', 'processing'], to: 'dead' },
  expire: { from: ['queued', 'processing'], to: 'dead' },
  neverSent: { from: ['queued'], to: 'cancelled' },
  cancel: { from: ['queued', 'processing', 'held'], to: 'cancelled' },
  resolve: { from: ['held'], to: 'held' },
  reopen: { from: ['dead', 'cancelled (never-sent)', 'cancelled (operator)'], to: 'queued' },
} as const satisfies Record<string, { from: readonly Place[]; to: State }>;

export type ArrowName = keyof typeof ARROWS;

export function placeOf({ state, reason }: Pick<JobRow, 'state' | 'reason'>): Place | undefined {
  const name = state === 'cancelled' ? `cancelled (${reason})` : state;
  return PLACES.find((place) => place === name);
}

export const mayFollow = (row: Pick<JobRow, 'state' | 'reason'>, arrow: ArrowName): boolean =>
  ARROWS[arrow].from.some((place) => place === placeOf(row));

/** Whether no message runs the job: it waits outside the queue, it succeeded, or it was cancelled. */
export const isClosed = (row: Pick<JobRow, 'state' | 'reason'>): boolean => !mayFollow(row, 'claim');

export const isCancelledByOperator = (row: Pick<JobRow, 'state' | 'reason'>): boolean =>
  placeOf(row) === 'cancelled (operator)';
