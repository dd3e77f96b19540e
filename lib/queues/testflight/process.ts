import type * as z from 'zod';
import { type Job, messageType, type QueueContract, type RunContext } from '../../engine/worker/contract';
import { VerdictError, wrongField } from '../../platform/errors';
import { invite } from './invite';
import {
  type AllowedApp,
  callApple,
  changeMembership,
  changeOrConfirm,
  startRun,
  type TestflightDeps,
} from './membership';
import {
  type Invite,
  inviteSchema,
  type NotifyBuild,
  type NotifyBuildResult,
  notifyBuildSchema,
  type Remove,
  type RemoveResult,
  removeSchema,
  TESTFLIGHT_INVITE,
  TESTFLIGHT_NOTIFY_BUILD,
  TESTFLIGHT_REMOVE,
} from './message';
import { TESTFLIGHT_QUEUE } from './queue';

/** Invites and removes testers and notifies them of builds. Rows store the step names, so they never change. */
export function testflightContract(deps: TestflightDeps): QueueContract {
  /** A type whose jobs run only if the instance may change their app and groups. */
  const allowed = <T extends { app: string; groups?: readonly string[] }>(
    schema: z.ZodType<T>,
    process: (deps: TestflightDeps, job: Job<T>, context: RunContext) => Promise<unknown>,
  ) =>
    messageType({
      schema,
      process: async (job: Job<T>, context) => {
        checkApp(deps.config.apps, job.data);
        return process(deps, job, context);
      },
    });
  return {
    queue: TESTFLIGHT_QUEUE,
    probes: {
      'app-store-connect': (call) => deps.appStoreConnect.probe(call),
      sendgrid: (call) => deps.sendgrid.probe(call),
    },
    types: {
      [TESTFLIGHT_INVITE]: allowed<Invite>(inviteSchema, invite),
      [TESTFLIGHT_REMOVE]: allowed<Remove>(removeSchema, remove),
      [TESTFLIGHT_NOTIFY_BUILD]: allowed<NotifyBuild>(notifyBuildSchema, notifyBuild),
    },
  };
}

/** Refuses what is not listed: a team's key also reaches other clients' apps. An empty list allows everything. */
function checkApp(allowed: readonly AllowedApp[], data: { app: string; groups?: readonly string[] }): void {
  const rule = 'is not in the list of this instance';
  const listed = allowed.filter(({ app }) => app === data.app);
  if (allowed.length > 0 && listed.length === 0) throw wrongField('AppNotAllowed', 'data.app', rule);
  if (listed.length === 0 || listed.some(({ group }) => group === undefined)) return;
  // Without groups, the job is about the whole app.
  const groups = data.groups ?? [undefined];
  if (!groups.every((id) => listed.some(({ group }) => group === id)))
    throw wrongField('GroupNotAllowed', 'data.groups', rule);
}

/** Removes a tester from groups or from the app. A missing tester counts as success. */
async function remove(deps: TestflightDeps, job: Job<Remove>, context: RunContext): Promise<RemoveResult> {
  const { app } = job.data;
  const groups = job.data.from === 'app' ? undefined : job.data.groups;
  const run = await startRun(deps, { job, context, wanted: { member: false, groups } });
  const { steps, apple, command, find, whenShown } = run;
  await command.left(steps.peek('membership'));

  const lookUp = async () => ({ id: (await find())?.id ?? null });
  if (steps.peek('tester') === undefined) steps.found('tester', await lookUp());
  const { id: tester } = await steps.step('tester', { run: lookUp });
  if (tester === null) {
    steps.skip('membership', 'NoTester');
    return { removed: false };
  }
  if (groups !== undefined) await changeMembership(run, { tester, member: false });
  else {
    const confirm = async () => ((await find()) ? undefined : { changed: 1 });
    const change = async () => {
      await apple((connect, options) => connect.removeFromApp({ tester, app }, options));
      return { changed: 1 };
    };
    await command.left(steps.peek('membership'));
    await steps.step('membership', {
      resolve: () => whenShown('membership', confirm),
      run: () => changeOrConfirm(change(), confirm),
    });
  }
  return { testerId: tester, removed: true };
}

/** Makes Apple mail the testers of a build. Apple cannot be asked later, so a lost answer leaves the step unknown. */
async function notifyBuild(
  deps: TestflightDeps,
  { data: { build } }: Job<NotifyBuild>,
  context: RunContext,
): Promise<NotifyBuildResult> {
  const apple = callApple(deps, context);
  // An operator resolved the step as skipped, and the job has no other step.
  if (context.steps.peek('notification')?.status === 'skipped') throw new VerdictError('cancelled');
  const notification = await context.steps.step<'sent'>('notification', {
    vendor: 'app-store-connect',
    proven: () => 'sent',
    run: async () => {
      await apple((connect, options) => connect.notifyBuild(build, options));
      return 'sent';
    },
  });
  return { notification };
}
