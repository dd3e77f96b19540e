import { Contradiction } from '../vendors/app-store-connect-errors';
import type { Job, RunContext } from '../worker/contract';
import { awaitBudget, awaitEffects, callApple, type TestflightDeps } from './deps';
import { changeMembership } from './membership';
import type { Remove } from './message';

/** Removes a tester from groups or from the app. A missing tester counts as success. */
export async function remove(deps: TestflightDeps, job: Job<Remove>, context: RunContext) {
  const { app, email } = job.data;
  const wanted = { member: false, groups: job.data.from === 'app' ? undefined : job.data.groups };
  const command = await deps.subjects.begin(job, wanted);
  awaitBudget(deps);
  await command.left(context.steps.peek('membership'));
  const { steps } = context;
  const { settleAfterMs } = deps.config;
  const apple = callApple(deps, context);
  const find = () => apple((connect, options) => connect.findTester({ email, app }, options), { minor: true });

  const lookUp = async () => ({ id: (await find())?.id ?? null });
  if (steps.peek('tester') === undefined) steps.found('tester', await lookUp());
  const { id: tester } = await steps.step('tester', { run: lookUp });
  if (tester === null) steps.skip('membership', 'NoTester');
  else if (job.data.from === 'app') await leaveApp(tester);
  else await changeMembership({ apple, context, command, settleAfterMs }, { tester, member: false });
  return tester === null ? { removed: false } : { testerId: tester, removed: true };

  async function leaveApp(tester: string): Promise<void> {
    await command.left(steps.peek('membership'));
    await steps.step('membership', {
      resolve: async () => {
        awaitEffects(context, { step: 'membership', settleAfterMs });
        return (await find()) ? undefined : { changed: 1 };
      },
      run: async () => {
        try {
          await apple((connect, options) => connect.removeFromApp({ tester, app }, options));
        } catch (error) {
          if (!(error instanceof Contradiction) || (await find())) throw error;
        }
        return { changed: 1 };
      },
    });
  }
}
