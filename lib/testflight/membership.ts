import { Contradiction } from '../vendors/app-store-connect-errors';
import type { RunContext } from '../worker/contract';
import { type Apple, awaitEffects } from './deps';
import type { Begun } from './subjects';

export interface MembershipChange {
  /** Apple's id. */
  tester: string;
  /** Whether the tester is a member afterwards. */
  member: boolean;
}

/**
 * Adds a tester to the command's groups or removes them, only where needed. If Apple contradicts, it reads the groups
 * again.
 */
export async function changeMembership(
  {
    apple,
    context,
    command,
    settleAfterMs,
  }: { apple: Apple; context: RunContext; command: Begun; settleAfterMs: number },
  { tester, member }: MembershipChange,
): Promise<void> {
  const { steps } = context;
  const groups = await command.left(steps.peek('membership'));
  const open = async () => {
    const now = await apple((connect, options) => connect.groupsOf(tester, options), { minor: true });
    return groups.filter((group) => now.includes(group) !== member);
  };
  if (steps.peek('membership') === undefined && (await open()).length === 0) steps.found('membership', { changed: 0 });
  await steps.step('membership', {
    resolve: async () => {
      awaitEffects(context, { step: 'membership', calls: groups.length, settleAfterMs });
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
