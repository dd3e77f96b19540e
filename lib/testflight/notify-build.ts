import { CancelledError } from '../errors';
import type { Job, RunContext } from '../worker/contract';
import { awaitBudget, callApple, type TestflightDeps } from './deps';
import type { NotifyBuild } from './message';

/** Makes Apple mail the testers of a build. Apple cannot be asked later, so a lost answer leaves the step unknown. */
export async function notifyBuild(deps: TestflightDeps, { data: { build } }: Job<NotifyBuild>, context: RunContext) {
  awaitBudget(deps);
  // An operator resolved the step as skipped, and the job has no other step.
  if (context.steps.peek('notification')?.status === 'skipped') throw new CancelledError();
  const apple = callApple(deps, context);
  const notification = await context.steps.step('notification', {
    vendor: 'app-store-connect',
    proven: () => 'sent',
    run: async () => {
      await apple((connect, options) => connect.notifyBuild(build, options));
      return 'sent';
    },
  });
  return { notification };
}
