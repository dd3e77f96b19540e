import { Contradiction } from '../vendors/app-store-connect-transport';
import type { Job, RunContext } from '../worker/contract';
import type { Remove } from './message';
import { type Run, startRun, type TestflightDeps } from './run';

/** Removes a tester from groups or from the app. A missing tester counts as success. */
export async function remove(deps: TestflightDeps, job: Job<Remove>, context: RunContext) {
  const { app } = job.data;
  const groups = job.data.from === 'app' ? undefined : job.data.groups;
  const run = await startRun(deps, { job, context, wanted: { member: false, groups } });
  const { steps, apple, command, find, awaitEffects } = run;
  await command.left(steps.peek('membership'));

  const lookUp = async () => ({ id: (await find())?.id ?? null });
  if (steps.peek('tester') === undefined) steps.found('tester', await lookUp());
  const { id: tester } = await steps.step('tester', { run: lookUp });
  if (tester === null) steps.skip('membership', 'NoTester');
  else if (groups === undefined) await leaveApp(tester);
  else await changeMembership(run, { tester, member: false });
  return tester === null ? { removed: false } : { testerId: tester, removed: true };

  async function leaveApp(tester: string): Promise<void> {
    await command.left(steps.peek('membership'));
    await steps.step('membership', {
      resolve: async () => {
        awaitEffects('membership');
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

/** Changes only the command's groups that need it. If Apple contradicts, it reads the groups again. */
export async function changeMembership(
  { steps, apple, command, awaitEffects }: Run,
  { tester, member }: { tester: string; member: boolean },
): Promise<void> {
  const groups = await command.left(steps.peek('membership'));
  const open = async () => {
    const now = await apple((connect, options) => connect.groupsOf(tester, options), { minor: true });
    return groups.filter((group) => now.includes(group) !== member);
  };
  if (steps.peek('membership') === undefined && (await open()).length === 0) steps.found('membership', { changed: 0 });
  await steps.step('membership', {
    resolve: async () => {
      awaitEffects('membership', groups.length);
      return (await open()).length === 0 ? { changed: groups.length } : undefined;
    },
    run: async () => {
      const changes = await open();
      for (const group of changes) await change(group);
      return { changed: changes.length };
    },
  });

  async function change(group: string): Promise<void> {
    try {
      await apple((connect, options) =>
        member ? connect.addToGroup({ tester, group }, options) : connect.removeFromGroup({ tester, group }, options),
      );
    } catch (error) {
      if (!(error instanceof Contradiction) || (await open()).includes(group)) throw error;
    }
  }
}
