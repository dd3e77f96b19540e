import type { Job, RunContext } from '../worker/contract';
import { awaitBudget, callApple, type TestflightDeps } from './deps';
import type { NotifyBuild } from './message';

/** Has Apple mail the testers of a build. Nothing tells afterwards whether it did: an end that is lost stays unknown. */
export async function notifyBuild(deps: TestflightDeps, { data: { build } }: Job<NotifyBuild>, context: RunContext) {
  awaitBudget(deps);
  const apple = callApple(deps, context);
  await context.steps.step('notification', {
    run: async () => {
      await apple((connect, options) => connect.notifyBuild(build, options));
      return 'sent';
    },
  });
  return { notification: 'sent' };
}
