import type { CancelledReason, JobRow, State } from './row';

/** Where a job is in its life. A cancelled job's reason decides whether a message may open it again. */
export type Place = Exclude<State, 'cancelled'> | `cancelled (${CancelledReason})`;

export const PLACES: readonly Place[] = [
  ...(['queued', 'processing', 'held', 'succeeded', 'dead'] as const),
  ...(['cancelled (never-sent)', 'cancelled (operator)', 'cancelled (superseded)'] as const),
];

interface Arrow {
  from: readonly Place[];
  to: State;
  by: 'producer' | 'worker' | 'reconciler' | 'operator';
  /** When a job follows the arrow, in words. */
  when: string;
}

/**
 * Every arrow of a job's life. The functions of transitions.ts follow them, and nothing else in the project assigns a row's state,
 * reason, attempts or counters. The diagram in docs/jobs.md and the simulator's check of stored rows come from it.
 */
export const ARROWS = {
  plan: {
    from: ['queued', 'cancelled (never-sent)'],
    to: 'held',
    by: 'producer',
    when: 'the body of a job with `notBefore` is kept',
  },
  claim: {
    from: ['queued', 'processing', 'held', 'dead', 'cancelled (never-sent)'],
    to: 'processing',
    by: 'worker',
    when: 'a message of the job arrives, and no other run holds its lease',
  },
  succeed: { from: ['processing'], to: 'succeeded', by: 'worker', when: 'all steps are done' },
  retry: { from: ['processing'], to: 'queued', by: 'worker', when: 'a try failed, and the message comes back' },
  giveBack: { from: ['processing'], to: 'queued', by: 'worker', when: 'the outcome could not be stored' },
  hold: { from: ['processing'], to: 'held', by: 'worker', when: 'the job must wait outside the queue' },
  park: { from: ['processing'], to: 'dead', by: 'worker', when: 'the job cannot succeed' },
  stop: {
    from: ['processing'],
    to: 'cancelled',
    by: 'worker',
    when: 'its campaign was cancelled, or a later command replaced it',
  },
  release: { from: ['held'], to: 'queued', by: 'reconciler', when: 'the wait is over' },
  endWithoutBody: {
    from: ['held'],
    to: 'dead',
    by: 'reconciler',
    when: 'its kept body is gone',
  },
  parkPoison: {
    from: ['queued', 'processing', 'held', 'dead', 'cancelled (never-sent)'],
    to: 'dead',
    by: 'reconciler',
    when: 'its message kills every worker that runs it',
  },
  expire: { from: ['queued', 'processing'], to: 'dead', by: 'reconciler', when: "the queue's retention is over" },
  neverSent: { from: ['queued'], to: 'cancelled', by: 'reconciler', when: 'the producer did not send the message' },
  cancel: {
    from: ['queued', 'processing', 'held'],
    to: 'cancelled',
    by: 'operator',
    when: '`sls jobs cancel`, or `jobs.cancel` of the producer before a planned job has started',
  },
  resolve: { from: ['held'], to: 'held', by: 'operator', when: '`sls jobs settle`: the last unknown step is known' },
  reopen: {
    from: ['cancelled (never-sent)', 'cancelled (operator)'],
    to: 'queued',
    by: 'operator',
    when: '`sls jobs retry` of a cancelled job',
  },
} as const satisfies Record<string, Arrow>;

export type ArrowName = keyof typeof ARROWS;

/** The row's place. Every row that the ledger reads has one. */
export function placeOf({ state, reason }: Pick<JobRow, 'state' | 'reason'>): Place | undefined {
  const name = state === 'cancelled' ? `cancelled (${reason})` : state;
  return PLACES.find((place) => place === name);
}

/** Whether a row may follow an arrow from its place. */
export const mayFollow = (row: Pick<JobRow, 'state' | 'reason'>, arrow: ArrowName): boolean => {
  const place = placeOf(row);
  const from: readonly Place[] = ARROWS[arrow].from;
  return place !== undefined && from.includes(place);
};

/** Whether no message runs the job any more: it succeeded, an operator cancelled it, or a later job superseded it. */
export const isClosed = (row: Pick<JobRow, 'state' | 'reason'>): boolean => !mayFollow(row, 'claim');

export const isCancelledByOperator = (row: Pick<JobRow, 'state' | 'reason'>): boolean =>
  placeOf(row) === 'cancelled (operator)';
