import type { ArrowName } from '../../../../lib/jobs/arrows';
import type { Plan } from '../../draw/plan';
import { HOUR_MS, jobs, MINUTE_MS, SECOND_MS } from '../../scenarios/scenario';
import type { CallFault } from '../../world/faults';
import type { SourceMutant } from '../source-mutant';

/** A wrong expression in the function of one arrow, in lib/jobs/transitions.ts. */
const wrong = (find: string, replace: string, breaks: RegExp, plan: Partial<Plan>): SourceMutant => ({
  changes: [{ file: 'lib/jobs/transitions.ts', find, replace }],
  breaks,
  by: { plan },
});

const calls = (kind: string, ...faults: CallFault['fault'][]): CallFault[] =>
  faults.map((fault, index) => ({ kind, nth: index + 1, fault }));
const explained = (what: string) => new RegExp(`^everything explained: .* ${what}`);

/** One mistake for each arrow of a job's life. */
export const ARROW_MUTANTS: Record<ArrowName, SourceMutant> = {
  // The job does not wait for its time.
  plan: wrong('row.notBefore ?? at', 'at', /^planned jobs are kept: .* before its time/, {
    jobs: jobs(['good', { planned: { ahead: HOUR_MS } }]),
  }),
  // The attempts of the last opening stay.
  claim: wrong(
    'reopened ? 0 : row.attempts + (crashedAlone(row) ? 1 : 0)',
    'row.attempts + (crashedAlone(row) ? 1 : 0)',
    explained('its attempts are 3'),
    { queue: 'bulk', jobs: jobs('fails'), redrives: [{ nth: 1, after: MINUTE_MS, how: 'command' }] },
  ),
  // The error of the last attempt stays.
  succeed: wrong(
    '{ ...rest, endedAt: run.at, ...(result === undefined ? {} : { result }) }',
    '{ ...row, ...rest, lease: undefined, endedAt: run.at, ...(result === undefined ? {} : { result }) }',
    explained('has an error'),
    { queue: 'bulk', jobs: jobs('falters') },
  ),
  retry: wrong(
    'afterRun(row, EVENT.retry, run)',
    'afterRun(row, EVENT.retry, { ...run, counts: false })',
    explained('its last run is counted wrongly'),
    { queue: 'bulk', jobs: jobs('fails') },
  ),
  giveBack: wrong(
    'noted(withoutLease(row), { ...entry, event: EVENT.givenBack })',
    'noted(row, { ...entry, event: EVENT.givenBack })',
    explained('has a lease without a run'),
    { jobs: jobs('refused'), outages: [{ target: 'objects', from: 0, until: 10 * MINUTE_MS, fault: 'refused' }] },
  ),
  // SQS takes the second release for a repeat of the first.
  hold: wrong('row.holds + 1', 'row.holds || 1', explained('its holds are 1'), {
    queue: 'emails',
    calls: calls('sendgrid.send', 'retry-after', 'retry-after'),
  }),
  park: wrong(
    'afterRun(row, EVENT.dead(reason), run)',
    'afterRun(row, EVENT.dead(reason), { ...run, counts: false })',
    /^no bystanders: .*it was parked without the run that failed/,
    { jobs: jobs('refused') },
  ),
  stop: wrong(
    '{ at, messageId, counts: false, note }',
    '{ at, messageId, counts: true, note }',
    explained('its last run is counted wrongly'),
    {
      queue: 'campaigns',
      concurrency: 2,
      calls: calls('sendgrid.send', 'refused', 'refused'),
      controls: [{ at: 60_010, what: 'cancel', campaign: 0 }],
    },
  ),
  release: wrong(
    '{ ...withFirstSequence(rest, sequence), sentAt: at, dueSince }',
    '{ ...rest, reason, sentAt: at, dueSince }',
    explained('its reason'),
    {
      queue: 'emails',
      calls: calls('sendgrid.send', 'retry-after'),
    },
  ),
  endWithoutBody: wrong(
    "noted({ ...withoutEnd(row), reason: 'error', error, endedAt: at }, { at, event: EVENT.dead('error'), error })",
    "{ ...withoutEnd(row), reason: 'error', error, endedAt: at }",
    explained('its history ends with held \\(throttled\\)'),
    { queue: 'emails', calls: calls('sendgrid.send', 'retry-after'), emptied: 20 * SECOND_MS },
  ),
  parkPoison: wrong(
    '{ ...rest, ...end, spentMessageIds: spent(row, messageId) }',
    '{ ...rest, ...end }',
    explained('the message that it left can run it again'),
    { jobs: jobs('kills-before') },
  ),
  expire: wrong(
    "{ at, event: EVENT.dead('expired') }",
    "{ at, event: EVENT.dead('error') }",
    explained('its history ends with dead \\(error\\)'),
    { retention: 3_600, unpolled: { from: 0, until: 3 * HOUR_MS } },
  ),
  neverSent: wrong(
    "{ ...withoutLease(row), reason: 'never-sent', endedAt: at }",
    "{ ...withoutLease(row), reason: 'operator', endedAt: at }",
    explained('its history ends with cancelled \\(never-sent\\)'),
    { calls: calls('queues.send', 'refused') },
  ),
  cancel: wrong(
    "{ ...rest, reason: 'operator', endedAt: at }",
    "{ ...rest, reason: 'operator' }",
    explained('the time of its end is missing'),
    {
      queue: 'emails',
      calls: calls('sendgrid.send', 'retry-after'),
      commands: [{ job: 0, what: 'cancel', at: 10 * SECOND_MS }],
    },
  ),
  // The release at once fails, so the reconciler has to release the job.
  resolve: wrong(
    "{ ...row, reason: 'retry', retryAt: at }",
    "{ ...row, reason: 'retry', retryAt: at + 86_400_000 }",
    /^liveness/,
    {
      queue: 'emails',
      calls: [...calls('sendgrid.send', 'mute'), { kind: 'queues.send', nth: 2, fault: 'refused' }],
      resolution: { after: 10 * MINUTE_MS },
    },
  ),
  reopen: wrong('row.generation + 1', 'row.generation', explained('its generation is 1'), {
    queue: 'emails',
    calls: calls('sendgrid.send', 'retry-after'),
    commands: [
      { job: 0, what: 'cancel', at: 10 * SECOND_MS },
      { job: 0, what: 'retry', at: 5 * MINUTE_MS },
    ],
  }),
};
