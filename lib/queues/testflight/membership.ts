import type { Job, RunContext } from '../../engine/worker/contract';
import type { MailDeps, OwnMails } from '../../mail/mail';
import { WaitError } from '../../platform/errors';
import type { CallOptions } from '../../platform/http';
import { type AppStoreConnect, Contradiction } from './app-store-connect';
import type { Commands, Wanted } from './commands';

/** An app that an instance may change. `group`: only this group of the app. */
export interface AllowedApp {
  app: string;
  group?: string | undefined;
}

export interface TestflightDeps extends MailDeps {
  appStoreConnect: AppStoreConnect;
  commands: Commands;
  config: OwnMails & {
    /** The apps and groups that jobs may change. Empty: any. */
    apps: readonly AllowedApp[];
    /** How long a notification may wait for SendGrid, ms. */
    notificationWaitMs: number;
  };
}

/**
 * Makes the Apple calls of one run, each through the vendor's gate and with a time-out. Throws a WaitError if the hour
 * has few calls left and the job has to wait for its turn.
 */
export function callApple({ appStoreConnect }: TestflightDeps, { vendor, callTimeoutMs }: RunContext) {
  const waitMs = appStoreConnect.waitMs();
  if (waitMs > 0)
    throw new WaitError({
      code: 'AppStoreConnectBudget',
      message: "few calls of this hour's budget are left",
      waitMs,
      vendor: 'app-store-connect',
    });
  return <T>(
    call: (apple: AppStoreConnect, options: CallOptions) => Promise<T>,
    options: Parameters<RunContext['vendor']>[2] = {},
  ): Promise<T> => vendor('app-store-connect', () => call(appStoreConnect, { timeoutMs: callTimeoutMs() }), options);
}

export type Run = Awaited<ReturnType<typeof startRun>>;

export async function startRun(
  deps: TestflightDeps,
  { job, wanted, context }: { job: Job<{ app: string; email: string }>; wanted: Wanted; context: RunContext },
) {
  const command = await deps.commands.begin(job, wanted);
  const apple = callApple(deps, context);
  const { steps, now } = context;
  const claimedAt = job.row.deliveries.at(-1)?.at ?? now();
  return {
    steps,
    command,
    apple,
    find: () => apple((connect, options) => connect.findTester(job.data, options), { minor: true }),
    /** Asks Apple about a step. Throws a WaitError until Apple shows the effect of a started step's `calls`. */
    async whenShown<T>(step: string, ask: () => Promise<T>, calls = 1): Promise<T> {
      const before = steps.peek(step);
      if (before?.status !== 'started') return ask();
      // This run's clock may be ahead of the one that stored `startedAt`. Then a crashed run's call may be under way.
      const startedAt = job.row.crashes > 0 ? Math.max(before.startedAt, claimedAt) : before.startedAt;
      const waitMs = deps.commands.showsUntil({ startedAt }, calls) - now();
      if (waitMs > 0)
        throw new WaitError({ code: 'MayStillShow', message: `the effect of ${step} may not show yet`, waitMs });
      return ask();
    },
  };
}

/** Waits for a change. If Apple contradicts it, `confirm` reads the outcome. `undefined`: the change is not made. */
export const changeOrConfirm = <T>(change: Promise<T>, confirm: () => Promise<T | undefined>): Promise<T> =>
  change.catch(async (error: unknown) => {
    const confirmed = error instanceof Contradiction ? await confirm() : undefined;
    if (confirmed === undefined) throw error;
    return confirmed;
  });

export async function changeMembership(
  { steps, apple, command, whenShown }: Run,
  { tester, member }: { tester: string; member: boolean },
): Promise<void> {
  const groups = await command.left(steps.peek('membership'));
  const open = async () => {
    const now = await apple((connect, options) => connect.groupsOf(tester, options), { minor: true });
    return groups.filter((group) => now.includes(group) !== member);
  };
  const change = (group: string) =>
    apple((connect, options) => connect[member ? 'addToGroup' : 'removeFromGroup']({ tester, group }, options));
  if (steps.peek('membership') === undefined && (await open()).length === 0) steps.found('membership', { changed: 0 });
  await steps.step('membership', {
    resolve: async () =>
      (await whenShown('membership', open, groups.length)).length === 0 ? { changed: groups.length } : undefined,
    run: async () => {
      const changes = await open();
      for (const group of changes)
        await changeOrConfirm<unknown>(change(group), async () => !(await open()).includes(group) || undefined);
      return { changed: changes.length };
    },
  });
}
