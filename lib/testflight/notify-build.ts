import type { Job, RunContext } from '../worker/contract';
import { CancelledError } from '../worker/decide';
import { awaitBudget, callApple, type TestflightDeps } from './deps';
import type { NotifyBuild } from './message';

/** Has Apple mail the testers of a build. Nothing tells afterwards whether it did: an end that is lost stays unknown. */
export async function notifyBuild(deps: TestflightDeps, { data: { build } }: Job<NotifyBuild>, context: RunContext) {
  awaitBudget(deps);
  // A person has said that it did not go out and shall not: the job consists of nothing else.
  if (context.steps.peek('notification')?.status === 'skipped') throw new CancelledError();
  const apple = callApple(deps, context);
  const notification = await context.steps.step('notification', {
    proven: () => 'sent',
    run: async () => {
      await apple((connect, options) => connect.notifyBuild(build, options));
      return 'sent';
    },
  });
  return { notification };
}
