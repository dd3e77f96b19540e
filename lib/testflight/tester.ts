import type { Tester, TesterState } from '../vendors/app-store-connect';
import { Contradiction } from '../vendors/app-store-connect-errors';
import type { RunContext } from '../worker/contract';
import { type Apple, awaitEffects } from './deps';
import type { Invite } from './message';
import type { Begun } from './subjects';

/** The result of the step `tester`. */
export interface KnownTester {
  id: string;
  /** Whether this job created the tester. */
  created: boolean;
  /** The state before this job did anything. */
  before: TesterState;
}

/** Finds the tester of the app or creates one. */
export async function findOrCreate(
  {
    apple,
    context,
    command,
    settleAfterMs,
  }: { apple: Apple; context: RunContext; command: Begun; settleAfterMs: number },
  { app, email, firstName, lastName }: Invite,
): Promise<KnownTester> {
  const { steps } = context;
  const groups = await command.left(steps.peek('tester'));
  const find = () => apple((connect, options) => connect.findTester({ email, app }, options), { minor: true });
  if (steps.peek('tester') === undefined) {
    const tester = await find();
    if (tester) steps.found('tester', known(tester));
  }
  return steps.step<KnownTester>('tester', {
    resolve: async () => {
      awaitEffects(context, { step: 'tester', settleAfterMs });
      const tester = await find();
      return tester && made(tester.id);
    },
    run: async () => {
      const who = { email, firstName, lastName, groups };
      try {
        return made((await apple((connect, options) => connect.createTester(who, options))).id);
      } catch (error) {
        if (!(error instanceof Contradiction)) throw error;
        const tester = await find();
        if (!tester) throw error;
        return known(tester);
      }
    },
  });
}

const made = (id: string): KnownTester => ({ id, created: true, before: 'NOT_INVITED' });
const known = ({ id, state }: Tester): KnownTester => ({ id, created: false, before: state });
