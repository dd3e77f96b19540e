import type { Job, RunContext } from '../../engine/worker/contract';
import { oweMail, ownMail, sendOwed, skipStep } from '../../mail/mail';
import type { Mail } from '../../mail/sendgrid';
import { TransientError } from '../../platform/errors';
import type { TesterState } from './app-store-connect';
import { changeMembership, changeOrConfirm, type Run, startRun, type TestflightDeps } from './membership';
import type { Invite, InviteResult } from './message';
import { NOTIFICATION, TESTFLIGHT_QUEUE } from './queue';

interface KnownTester {
  id: string;
  created: boolean;
  /** The state before this job did anything. */
  before: TesterState;
}

type Invitation = InviteResult['invitation'];

/** Makes a person a tester of an app, lets Apple invite them, and sends our own notification if the job asks for it. */
export async function invite(deps: TestflightDeps, job: Job<Invite>, context: RunContext): Promise<InviteResult> {
  const { data } = job;
  const run = await startRun(deps, { job, context, wanted: { member: true, groups: data.groups } });
  const tester = await findOrCreate(run, data);
  await changeMembership(run, { tester: tester.id, member: true });
  const invitation = await sendInvitation(run, context, { data, tester });
  const result = { testerId: tester.id, invitation };
  const notification = await notify(deps, { job, context, run, result });
  return { ...result, ...(notification === undefined ? {} : { notification }) };
}

async function findOrCreate({ steps, apple, command, find, whenShown }: Run, data: Invite): Promise<KnownTester> {
  const { email, firstName, lastName } = data;
  const groups = await command.left(steps.peek('tester'));
  const findKnown = async () => {
    const tester = await find();
    return tester && { id: tester.id, created: false, before: tester.state };
  };
  const create = async () => {
    const who = { email, firstName, lastName, groups };
    return made((await apple((connect, options) => connect.createTester(who, options))).id);
  };
  if (steps.peek('tester') === undefined) {
    const tester = await findKnown();
    if (tester) steps.found('tester', tester);
  }
  return steps.step<KnownTester>('tester', {
    resolve: async () => {
      const tester = await whenShown('tester', find);
      return tester && made(tester.id);
    },
    run: () => changeOrConfirm(create(), findKnown),
  });
}

const made = (id: string): KnownTester => ({ id, created: true, before: 'NOT_INVITED' });

/**
 * Sends at most one invitation. Apple may have sent one when the tester joined a group, so this first reads the
 * tester's state. The state also resolves a call without an answer. It cannot resolve a second invitation, because the
 * state was the same before.
 */
async function sendInvitation(
  { steps, apple, command, find, whenShown }: Run,
  context: RunContext,
  { data: { app, resend }, tester }: { data: Invite; tester: KnownTester },
): Promise<Invitation> {
  await command.left(steps.peek('invitation'));
  const before = steps.peek('invitation');
  if (before?.status === 'skipped') return `skipped: ${before.reason}`;
  const again = resend && tester.before !== 'NOT_INVITED';
  const state = async (): Promise<TesterState> => {
    const shown = await find();
    if (shown) return shown.state;
    throw new TransientError({ code: 'TesterNotShown', message: 'Apple does not show the tester yet' });
  };

  if (before === undefined && !again) {
    const outcome = outcomeOf(await state(), tester);
    if (outcome?.startsWith('skipped')) return skipStep(context, 'invitation', outcome.slice('skipped: '.length));
    if (outcome) steps.found('invitation', outcome);
  }
  const resolve = async () => ((await whenShown('invitation', state)) === 'NOT_INVITED' ? undefined : 'sent');
  return steps.step<Invitation>('invitation', {
    ...(again ? { vendor: 'app-store-connect', proven: () => 'sent' } : { resolve }),
    run: () =>
      changeOrConfirm<Invitation>(
        apple((connect, options) => connect.invite({ app, tester: tester.id }, options)),
        async () => (again || (await state()) === 'NOT_INVITED' ? undefined : 'already-invited'),
      ),
  });
}

/** The outcome that the tester's state already shows. `undefined` if the job still has to send the invitation. */
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

/** Sends our own mail, in addition to Apple's, if the job asks for one and caused Apple's mail. */
async function notify(
  deps: TestflightDeps,
  { job, context, run, result }: { job: Job<Invite>; context: RunContext; run: Run; result: InviteResult },
) {
  const { notification } = job.data;
  const step = NOTIFICATION;
  if (!notification) return undefined;
  if (result.invitation !== 'sent' && result.invitation !== 'by-apple') return skipStep(context, step, 'NotInvited');
  oweMail(context, step, { result, waitMs: deps.config.notificationWaitMs });
  await run.command.left(run.steps.peek(step));
  return sendOwed(deps, context, step, notificationOf(job, notification, deps.config));
}

function notificationOf(
  job: Job<Invite>,
  { appName, message, url }: NonNullable<Invite['notification']>,
  config: TestflightDeps['config'],
): Mail {
  const { email, firstName, lastName } = job.data;
  const { brand } = config;
  const name = [firstName, lastName].filter((part) => part !== undefined).join(' ');
  const invited = `${brand} invites you to test ${appName}. Apple has sent you a separate email.`;
  return ownMail(config, job, {
    queue: TESTFLIGHT_QUEUE,
    step: NOTIFICATION,
    to: { email, name: name || undefined },
    words: { name, appName, message: message ?? '', url: url ?? '', brand },
    subject: `You are invited to test ${appName}`,
    text: [`${invited} Use it to join in TestFlight.`, message, url],
  });
}
