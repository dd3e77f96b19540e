import { TransientError } from '../errors';
import type { InviteOutcome, TesterState } from '../vendors/app-store-connect';
import { Contradiction } from '../vendors/app-store-connect-errors';
import { skipStep } from '../worker/best-effort';
import type { RunContext } from '../worker/contract';
import { type Apple, awaitEffects } from './deps';
import type { Invite } from './message';
import type { Begun } from './subjects';
import type { KnownTester } from './tester';

/** `by-apple` means that Apple mailed on its own when the tester joined a group. */
export type Invitation = InviteOutcome | 'by-apple' | 'already-invited' | `skipped: ${string}`;

/**
 * Sends at most one invitation. Apple may have sent one when the tester joined a group, so this first reads the tester's
 * state. The state also resolves a call without an answer. It cannot resolve a second invitation, because the state was
 * the same before.
 */
export async function sendInvitation(
  {
    apple,
    context,
    command,
    settleAfterMs,
  }: { apple: Apple; context: RunContext; command: Begun; settleAfterMs: number },
  { data: { app, email, resend }, tester }: { data: Invite; tester: KnownTester },
): Promise<Invitation> {
  const { steps } = context;
  await command.left(steps.peek('invitation'));
  const before = steps.peek('invitation');
  if (before?.status === 'skipped') return `skipped: ${before.reason}`;
  const again = resend && tester.before !== 'NOT_INVITED';
  const state = () => stateOf(apple, { email, app });

  if (before === undefined && !again) {
    const outcome = outcomeOf(await state(), tester);
    if (outcome?.startsWith('skipped')) return skipStep(context, 'invitation', outcome.slice('skipped: '.length));
    if (outcome) steps.found('invitation', outcome);
  }
  return steps.step<Invitation>('invitation', {
    ...(again
      ? { vendor: 'app-store-connect' as const, proven: () => 'sent' as const }
      : {
          resolve: async () => {
            awaitEffects(context, { step: 'invitation', settleAfterMs });
            return (await state()) === 'NOT_INVITED' ? undefined : 'sent';
          },
        }),
    run: async () => {
      try {
        return await apple((connect, options) => connect.invite({ app, tester: tester.id }, options));
      } catch (error) {
        if (!(error instanceof Contradiction) || again || (await state()) === 'NOT_INVITED') throw error;
        return 'already-invited';
      }
    },
  });
}

async function stateOf(apple: Apple, who: { email: string; app: string }): Promise<TesterState> {
  const tester = await apple((connect, options) => connect.findTester(who, options), { minor: true });
  if (tester) return tester.state;
  throw new TransientError({ code: 'TesterNotShown', message: 'Apple does not show the tester yet' });
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
