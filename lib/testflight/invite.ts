import { MAIL_STEPS } from '../jobs/mail';
import { traceOf } from '../jobs/trace';
import { bestEffort, skipStep } from '../worker/best-effort';
import type { Job, RunContext } from '../worker/contract';
import { awaitBudget, callApple, type TestflightDeps } from './deps';
import { type Invitation, sendInvitation } from './invitation';
import { changeMembership } from './membership';
import type { Invite } from './message';
import { notificationOf } from './notification';
import { findOrCreate } from './tester';

/** Makes a person a tester of an app, lets Apple invite them, and sends our own notification if the job asks for it. */
export async function invite(deps: TestflightDeps, job: Job<Invite>, context: RunContext) {
  awaitBudget(deps);
  await deps.subjects.refuseSuperseded(job);
  const { data } = job;
  const run = { apple: callApple(deps, context), context, settleAfterMs: deps.config.settleAfterMs };
  const tester = await findOrCreate(run, data);
  await changeMembership(run, { tester: tester.id, groups: data.groups, member: true });
  const invitation = await sendInvitation(run, { data, tester });
  const notification = await notify(deps, { job, context, invitation });
  await deps.subjects.finished(job);
  return { testerId: tester.id, invitation, ...(notification === undefined ? {} : { notification }) };
}

/** Sends our own mail if the job asks for one and caused Apple's mail. */
async function notify(
  deps: TestflightDeps,
  { job: { id, data, row }, context, invitation }: { job: Job<Invite>; context: RunContext; invitation: Invitation },
) {
  const { notification } = data;
  if (!notification) return undefined;
  if (invitation !== 'sent' && invitation !== 'by-apple') return skipStep(context, MAIL_STEPS.testflight, 'NotInvited');
  const mail = notificationOf({ id, time: row.time, trace: traceOf(row), data, notification, config: deps.config });
  return bestEffort(context, {
    step: MAIL_STEPS.testflight,
    after: 'invitation',
    vendor: 'sendgrid',
    sender: mail.from.email,
    limitMs: deps.config.notificationWaitMs,
    run: () => deps.sendgrid.send(mail, { timeoutMs: context.callTimeoutMs() }),
  });
}
