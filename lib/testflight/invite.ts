import { TransientError } from '../errors';
import { MAIL_STEPS } from '../jobs/mail';
import type { InviteOutcome, TesterState } from '../vendors/app-store-connect';
import { Contradiction } from '../vendors/app-store-connect-errors';
import { bestEffort, skipStep } from '../worker/best-effort';
import type { Job, RunContext } from '../worker/contract';
import { type Apple, awaitBudget, awaitEffects, callApple, type TestflightDeps } from './deps';
import { changeMembership } from './membership';
import type { Invite } from './message';
import { notificationOf } from './notification';
import { findOrCreate, type KnownTester } from './tester';

/** `by-apple`: Apple mailed by itself when the tester came into a group. */
type Invitation = InviteOutcome | 'by-apple' | 'already-invited' | `skipped: ${string}`;

interface Run {
  apple: Apple;
  context: RunContext;
  settleMs: number;
}

/** Makes a person a tester of an app, has Apple invite them, and tells them so where that is wanted. */
export async function invite(deps: TestflightDeps, job: Job<Invite>, context: RunContext) {
  awaitBudget(deps);
  await deps.subjects.refuseSuperseded(job);
  const { data } = job;
  const run: Run = { apple: callApple(deps, context), context, settleMs: deps.config.settleMs };
  const tester = await findOrCreate(run, data);
  await changeMembership(run, { tester: tester.id, groups: data.groups, member: true });
  const invitation = await sendInvitation(run, { data, tester });
  const notification = await notify(deps, { job, context, invitation });
  await deps.subjects.finished(job);
  return { testerId: tester.id, invitation, ...(notification === undefined ? {} : { notification }) };
}

/**
 * At most one invitation comes of a job. Apple may have sent one when the tester came into a group, so it is asked for
 * only where the tester's state says that there was none; the same state settles a call whose end is unknown. Only of
 * a second invitation to who had one before nothing can be read back.
 */
async function sendInvitation(
  { apple, context, settleMs }: Run,
  { data: { app, email, resend }, tester }: { data: Invite; tester: KnownTester },
): Promise<Invitation> {
  const { steps } = context;
  const before = steps.peek('invitation');
  if (before?.status === 'skipped') return `skipped: ${before.reason}`;
  const again = resend && tester.before !== 'NOT_INVITED';

  const state = async (): Promise<TesterState> => {
    const now = await apple((connect, options) => connect.findTester({ email, app }, options));
    if (now) return now.state;
    throw new TransientError({ code: 'TesterNotShown', message: 'Apple does not show the tester yet' });
  };
  if (before === undefined && !again) {
    const outcome = outcomeOf(await state(), tester);
    if (outcome?.startsWith('skipped')) return skipStep(context, 'invitation', outcome.slice('skipped: '.length));
    if (outcome) steps.found('invitation', outcome);
  }
  return steps.step<Invitation>('invitation', {
    ...(again
      ? { proven: () => 'sent' as const }
      : {
          settle: async () => {
            awaitEffects(context, { step: 'invitation', settleMs });
            return (await state()) === 'NOT_INVITED' ? undefined : 'sent';
          },
        }),
    run: async () => {
      try {
        return await apple((connect, options) => connect.invite({ app, tester: tester.id }, options));
      } catch (error) {
        if (!(error instanceof Contradiction) || again || (await state()) === 'NOT_INVITED') throw error;
        return 'already-invited';
      }
    },
  });
}

/** What the state says has become of the invitation already; `undefined` where one is due. */
function outcomeOf(state: TesterState, { before }: KnownTester): Invitation | undefined {
  switch (state) {
    case 'NOT_INVITED':
      return undefined;
    case 'INVITED':
      return before === 'NOT_INVITED' ? 'by-apple' : 'already-invited';
    case 'ACCEPTED':
    case 'INSTALLED':
      return 'already-accepted';
    case 'REVOKED':
      return 'skipped: Revoked';
    case 'UNKNOWN':
      return 'skipped: UnknownState';
  }
}

/** Our own mail, where one is wanted and Apple's went out by this job. */
async function notify(
  deps: TestflightDeps,
  { job: { id, data, row }, context, invitation }: { job: Job<Invite>; context: RunContext; invitation: Invitation },
) {
  const { notification } = data;
  if (!notification) return undefined;
  if (invitation !== 'sent' && invitation !== 'by-apple') return skipStep(context, MAIL_STEPS.testflight, 'NotInvited');
  const mail = notificationOf({ id, time: row.time, data, notification, config: deps.config });
  return bestEffort(context, {
    step: MAIL_STEPS.testflight,
    after: 'invitation',
    vendor: 'sendgrid',
    sender: mail.from.email,
    limitMs: deps.config.notificationWaitMs,
    run: () => deps.sendgrid.send(mail, { timeoutMs: context.callTimeoutMs() }),
  });
}
