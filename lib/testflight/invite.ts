import { MAIL_STEPS } from '../jobs/mail';
import { traceOf } from '../jobs/trace';
import { bestEffort, skipStep } from '../worker/best-effort';
import type { Job, RunContext } from '../worker/contract';
import { awaitBudget, callApple, type TestflightDeps } from './deps';
import { type Invitation, sendInvitation } from './invitation';
import { changeMembership } from './membership';
import type { Invite } from './message';
import { notificationOf } from './notification';
import type { Begun } from './subjects';
import { findOrCreate } from './tester';

/** Makes a person a tester of an app, lets Apple invite them, and sends our own notification if the job asks for it. */
export async function invite(deps: TestflightDeps, job: Job<Invite>, context: RunContext) {
  const { data } = job;
  const command = await deps.subjects.begin(job, { member: true, groups: data.groups });
  awaitBudget(deps);
  const run = { apple: callApple(deps, context), context, command, settleAfterMs: deps.config.settleAfterMs };
  const tester = await findOrCreate(run, data);
  await changeMembership(run, { tester: tester.id, member: true });
  const invitation = await sendInvitation(run, { data, tester });
  const notification = await notify(deps, { job, context, command, invitation });
  return { testerId: tester.id, invitation, ...(notification === undefined ? {} : { notification }) };
}

/** Sends our own mail if the job asks for one and caused Apple's mail. */
async function notify(
  deps: TestflightDeps,
  {
    job: { id, data, row },
    context,
    command,
    invitation,
  }: { job: Job<Invite>; context: RunContext; command: Begun; invitation: Invitation },
) {
  const { notification } = data;
  if (!notification) return undefined;
  if (invitation !== 'sent' && invitation !== 'by-apple') return skipStep(context, MAIL_STEPS.testflight, 'NotInvited');
  await command.left(context.steps.peek(MAIL_STEPS.testflight));
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
