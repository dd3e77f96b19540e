import type { ArrowName } from '../../../../lib/engine/jobs/transitions';
import { calls, cancelAndRetry, HOUR_MS, jobs, MINUTE_MS, SECOND_MS } from '../../draw/build';
import type { Plan } from '../../draw/plan';
import { mutant, type SourceMutant } from '../source-mutant';

/** A wrong expression in the function of one arrow, in lib/engine/jobs/transitions.ts. */
const wrong = (find: string, replace: string, breaks: RegExp, plan: Partial<Plan>): SourceMutant =>
  mutant(plan, breaks, 'lib/engine/jobs/transitions.ts', { [find]: replace });
const explained = (what: string) => new RegExp(`^everything explained: .* ${what}`);

/** SendGrid asks us to wait, so the mail is held. */
const HELD: Partial<Plan> = { queue: 'emails', calls: calls('sendgrid.send', 'retry-after') };

/** Zendesk refuses the first attempt. */
const FALTERS = calls('zendesk.createTicket', 'refused', 'refused', 'refused');

export const ARROW_MUTANTS: Record<ArrowName, SourceMutant> = {
  // The job does not wait for its time.
  plan: wrong('row.notBefore ?? at', 'at', /^planned jobs are kept: .* before its time/, {
    jobs: jobs(['good', { planned: { ahead: HOUR_MS } }]),
  }),
  // The attempts of the last opening stay.
  claim: wrong('attempts: base.attempts', 'attempts: row.attempts', explained('its attempts are 1'), {
    jobs: jobs('refused'),
    redrives: [{ nth: 1, after: MINUTE_MS, how: 'move' }],
  }),
  // The error of the last attempt stays.
  succeed: wrong('...rest, endedAt', '...row, ...rest, lease: undefined, endedAt', explained('has an error'), {
    calls: FALTERS,
  }),
  // The job ends without its mail, and says nothing about it.
  giveUp: wrong('...(lack && { without:', '...(lack && { lacks:', /^nothing missing in silence: .* does not say so/, {
    mailWait: MINUTE_MS,
    outages: [{ target: 'sendgrid', from: 0, until: HOUR_MS, fault: 'unauthorized' }],
  }),
  // The ticket is made again with the mail.
  resend: wrong('steps: withoutStep(row.steps, owed.step)', 'steps: {}', /^nothing twice: /, {
    mailWait: MINUTE_MS,
    resend: { after: 2 * HOUR_MS },
    outages: [{ target: 'sendgrid', from: 0, until: HOUR_MS, fault: 'unauthorized' }],
  }),
  retry: wrong(
    "afterRun(row, 'retry', run)",
    "afterRun(row, 'retry', { ...run, counts: false })",
    explained('its last run is counted wrongly'),
    { calls: FALTERS },
  ),
  giveBack: wrong(
    "'giveBack', withEntry(withoutEnd(row)",
    "'giveBack', withEntry(row",
    explained('has a lease without a run'),
    {
      jobs: jobs('refused'),
      outages: [{ target: 'objects', from: 0, until: 10 * MINUTE_MS, fault: 'refused' }],
    },
  ),
  // SQS takes the second release for a repeat of the first.
  hold: wrong('row.holds + 1,\n    ...(', 'row.holds || 1,\n    ...(', explained('its holds are 1'), {
    queue: 'emails',
    calls: calls('sendgrid.send', 'retry-after', 'retry-after'),
  }),
  park: wrong(
    'run),\n    reason,\n    endedAt: run.at,',
    '{ ...run, counts: false }),\n    reason,\n    endedAt: run.at,',
    /^no bystanders: .*it was parked without the run that failed/,
    { jobs: jobs('refused') },
  ),
  stop: wrong(
    '{ at, messageId, counts: false, note }',
    '{ at, messageId, counts: true, note }',
    explained('its last run is counted wrongly'),
    { queue: 'campaigns', controls: [{ at: 60_100, what: 'cancel', campaign: 0 }] },
  ),
  release: wrong('...released } = withoutEnd(row);', '...released } = row;', explained('its reason'), HELD),
  endWithoutBody: wrong(
    "dead(row, 'endWithoutBody', { ...end, reason: 'error' })",
    "Object.assign(dead(row, 'endWithoutBody', { ...end, reason: 'error' }), { history: row.history })",
    explained('its history ends with held \\(throttled\\)'),
    { ...HELD, emptied: 20 * SECOND_MS },
  ),
  parkPoison: wrong(
    'bodyKept: true,\n  spentMessageIds: spent(row, end.messageId),',
    'bodyKept: true,',
    explained('the message that it left can run it again'),
    { jobs: jobs('kills-before') },
  ),
  expire: wrong(
    "dead(row, 'expire', { ...end, reason: 'expired' })",
    "Object.assign(dead(row, 'expire', { ...end, reason: 'expired' }), { reason: 'error' })",
    explained('its history ends with dead \\(expired\\)'),
    { retention: 3_600, unpolled: { from: 0, until: 3 * HOUR_MS } },
  ),
  neverSent: wrong(
    "reason: 'never-sent' as const",
    "reason: 'operator' as const",
    explained('its history ends with cancelled \\(never-sent\\)'),
    { calls: calls('queues.send', 'refused') },
  ),
  cancel: wrong(
    "reason: 'operator' as const, endedAt: at",
    "reason: 'operator' as const",
    explained('the time of its end is missing'),
    { ...HELD, commands: [{ job: 0, what: 'cancel', at: 10 * SECOND_MS }] },
  ),
  // The command dies before it releases the job, so the reconciler has to.
  resolve: wrong(
    "{ ...row, reason: 'retry', retryAt: at }",
    "{ ...row, reason: 'retry', retryAt: at + 86_400_000 }",
    /^liveness/,
    {
      queue: 'emails',
      calls: [...calls('sendgrid.send', 'mute'), { kind: 'objects.get', nth: 1, fault: 'refused' }],
      resolution: { after: 10 * MINUTE_MS },
    },
  ),
  reopen: wrong('row.generation + 1', 'row.generation', explained('its generation is 1'), {
    ...HELD,
    commands: cancelAndRetry(0, 10 * SECOND_MS, 5 * MINUTE_MS),
  }),
};
