import { ERASED } from '../../engine/jobs/keys';
import type { RunContext } from '../../engine/worker/contract';
import { type MailDeps, type Paced, type ProvenSent, sendPaced, sentBefore } from '../../mail/mail';
import { type Mail, RecipientsRefusedError } from '../../mail/sendgrid';
import { GETS_SINGLE_MAILS, type SuppressionList } from '../../mail/suppression';
import { VerdictError } from '../../platform/errors';
import { SEND } from './queue';
import { type LeftOut, leftOutBy, outcomesApart } from './request';

export interface SendDeps extends MailDeps {
  suppression: Pick<SuppressionList, 'check'>;
}

export interface Sending extends Pick<Paced, 'use' | 'check'> {
  /** Builds the request without these recipients, before the wait for a slot. A job already sent does not call it. */
  request: (excluded: ReadonlySet<number>) => Promise<Mail>;
}

/** How many recipients got no mail: SendGrid refused their addresses, or the suppression list has them. */
type Accepted = ProvenSent & { refused?: number; suppressed?: number };

/** Sends one request at most once: accepted, refused (PermanentError), throttled (WaitError, for all jobs) or unknown. */
export async function send(deps: SendDeps, sending: Sending, context: RunContext): Promise<Accepted> {
  const { peek } = context.steps;
  // An operator has decided that the mail was not sent and must not be.
  if (peek(SEND)?.status === 'skipped') throw new VerdictError('cancelled');
  const sent = peek(SEND) ? await sentBefore(context, SEND) : await sendToRest(deps, sending, context);
  const accepted: Accepted = { ...sent };
  for (const { status } of outcomesApart(peek).values()) accepted[status] = (accepted[status] ?? 0) + 1;
  return accepted;
}

/** SendGrid takes longer for a thousand recipients than for one. If we stop waiting, we lose the answer. */
const CALL_MS = 30_000;
/** The most refused requests in a run before an operator must look: then single addresses are not the cause. */
const MOST_REFUSED_REQUESTS = 10;

/** Repeats a request without the recipients because of whom SendGrid refuses it. */
async function sendToRest(deps: SendDeps, sending: Sending, context: RunContext): Promise<ProvenSent> {
  const { steps } = context;
  for (let tries = 1; ; tries++) {
    const excluded = leftOutBy('excluded', steps.peek);
    const whole = await sending.request(new Set(Object.values(excluded).flat()));
    const reasonOf = await deps.suppression.check(whole.unsubscribe?.group);
    const { mail, suppressed } = withoutSuppressed(whole, sending, reasonOf);
    // A retry may find fewer than the run before.
    if (mail.recipients.length < whole.recipients.length || steps.peek('suppressed'))
      steps.found('suppressed', suppressed);
    if (mail.recipients.length === 0) return {};
    try {
      return await sendPaced(deps, context, { ...sending, step: SEND, mail, callMs: CALL_MS });
    } catch (error) {
      const next = error instanceof RecipientsRefusedError && excludedWith(excluded, error, mail);
      if (!next || tries > MOST_REFUSED_REQUESTS) throw error;
      // Save before the wait for the next slot. If the worker dies in that wait, the step must not look started.
      steps.found('excluded', next);
      await steps.save();
    }
  }
}

const numberOf = ({ customArgs }: Mail['recipients'][number]): number => Number(customArgs.recipient);

/** Leaves out whom the list suppresses. */
function withoutSuppressed(whole: Mail, { use }: Sending, reasonOf: Awaited<ReturnType<SuppressionList['check']>>) {
  const suppressed: LeftOut = {};
  const recipients = whole.recipients.filter((recipient) => {
    const reason = recipient.email === ERASED ? 'erased' : reasonOf(recipient.email);
    if (reason === undefined || (use === 'message' && GETS_SINGLE_MAILS[reason])) return true;
    suppressed[reason] = [...(suppressed[reason] ?? []), numberOf(recipient)];
    return false;
  });
  return { mail: { ...whole, recipients }, suppressed };
}

/** Adds the recipients whom SendGrid names. `undefined` if the chunk cannot go on without them. */
function excludedWith(before: LeftOut, { code, recipients: places }: RecipientsRefusedError, { recipients }: Mail) {
  const named = places.flatMap((place) => recipients[place] ?? []).map(numberOf);
  if (named.length < places.length || named.length >= recipients.length) return undefined;
  return { ...before, [code]: [...(before[code] ?? []), ...named].sort((a, b) => a - b) };
}
