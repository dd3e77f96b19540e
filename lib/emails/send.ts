import { CancelledError, ignoreStoreError, PermanentError, StopError, WaitError } from '../errors';
import { ERASED, recipientsKey } from '../jobs/keys';
import type { Objects } from '../ports';
import { type Mail, RecipientsRefusedError, type Sent } from '../vendors/sendgrid';
import type { RunContext } from '../worker/contract';
import { type MailDeps, sentByEvidence } from '../worker/mail';
import type { RateUse } from '../worker/rate';
import { EMAILS_QUEUE } from './message';
import {
  EXCLUDED,
  type Excluded,
  excludedOf,
  type Origin,
  outcomesApart,
  RECIPIENTS,
  type RecipientOutcome,
  SEND,
  SUPPRESSED,
} from './request';
import type { SuppressionList, SuppressionReason } from './suppression';

export interface SendDeps extends MailDeps {
  suppression: Pick<SuppressionList, 'check'>;
  objects: Objects;
  prefix: string;
}

export interface Sending {
  origin: Origin;
  generation: number;
  recipients: number;
  use: RateUse;
  /**
   * Builds the request without these recipients and those whom the list suppresses, before the wait for a slot. A job
   * already sent does not call it.
   */
  request: (excluded: ReadonlySet<number>) => Promise<Mail>;
  /** Runs after the wait for a slot. It throws if the mail must not be sent any more. */
  check?: () => Promise<void>;
}

/** SendGrid takes longer for a thousand recipients than for one. If we stop waiting, we lose the answer. */
const CALL_MS = 30_000;

/** `evidence`: there was no answer, but an event proves that SendGrid has the mails. */
interface Accepted extends Sent {
  evidence?: string;
  /** How many recipients SendGrid refused because of their own addresses. */
  refused?: number;
  /** How many recipients got no mail because of the suppression list. The others are accepted. */
  suppressed?: number;
}

/**
 * Sends one request in a slot of the rate, at most once. It ends as accepted, refused (PermanentError), throttled
 * (WaitError, for all jobs), or unknown until evidence or an operator resolves it. SendGrid sends nothing of a request
 * that it refuses because of single addresses. So the request is repeated without those, a limited number of times.
 */
export async function send(deps: SendDeps, sending: Sending, context: RunContext): Promise<Accepted> {
  const { steps } = context;
  try {
    const accepted = await sendOnce(deps, sending, context);
    const { messageId } = accepted;
    // This is a step, so that its start stores that the mail was accepted before anything else can fail.
    await steps.step(RECIPIENTS, {
      resolve: async () => undefined,
      run: () => writeRecipients(deps, sending, { steps, outcome: { status: 'accepted', messageId } }),
    });
    const apart: { refused?: number; suppressed?: number } = {};
    for (const { status } of outcomesApart(steps.peek).values())
      if (status !== 'accepted') apart[status] = (apart[status] ?? 0) + 1;
    return { ...accepted, ...apart };
  } catch (error) {
    // The vendor's wait applies to all jobs. If it cannot be stored, each job runs into it separately.
    if (error instanceof WaitError && error.vendor === 'sendgrid')
      await deps.rate.block(error.waitMs).catch(ignoreStoreError);
    if (error instanceof PermanentError && !(error instanceof CancelledError))
      await writeRecipients(deps, sending, { steps, outcome: { status: 'refused', code: error.code } });
    throw error;
  }
}

async function sendOnce(deps: SendDeps, sending: Sending, context: RunContext): Promise<Accepted> {
  const { steps } = context;
  // An operator has decided that the mail was not sent and must not be.
  if (steps.peek(SEND)?.status === 'skipped') throw new CancelledError();
  // The step has started before: it is done, proven or unknown. It is never repeated.
  if (steps.peek(SEND) !== undefined) return steps.step(SEND, { proven: sentByEvidence, run: notAgain });

  for (;;) {
    const excluded = excludedOf(steps.peek(EXCLUDED));
    const [whole, reasonOf] = await Promise.all([
      sending.request(new Set(excluded?.recipients)),
      deps.suppression.check(),
    ]);
    const request = withoutSuppressed(whole, { use: sending.use, reasonOf, steps });
    if (request.recipients.length === 0) return {};
    try {
      return await sendInSlot(deps, sending, { request, context });
    } catch (error) {
      if (!(error instanceof RecipientsRefusedError)) throw error;
      const sent = request.recipients.map(numberOf);
      const { recipients: places, code } = error;
      const next = excludedWith(excluded, { places, sent, code, generation: sending.generation });
      if (!next) throw error;
      // Save before the wait for the next slot. If the worker dies in that wait, the step must not look started.
      steps.found(EXCLUDED, next);
      await steps.save();
    }
  }
}

const numberOf = ({ customArgs }: Mail['recipients'][number]): number => Number(customArgs.recipient);

/** Leaves out whom the list suppresses, and stages who that is. A single mail is for the person, unless erased. */
function withoutSuppressed(
  request: Mail,
  {
    use,
    reasonOf,
    steps,
  }: { use: RateUse; reasonOf: (email: string) => SuppressionReason | undefined; steps: RunContext['steps'] },
): Mail {
  const out: Partial<Record<SuppressionReason, number[]>> = {};
  const recipients = request.recipients.filter((recipient) => {
    const reason = recipient.email === ERASED ? 'erased' : reasonOf(recipient.email);
    if (reason === undefined || (use === 'message' && reason !== 'erased')) return true;
    out[reason] = [...(out[reason] ?? []), numberOf(recipient)];
    return false;
  });
  // A retry may find fewer than the run before.
  if (recipients.length < request.recipients.length || steps.peek(SUPPRESSED)) steps.found(SUPPRESSED, out);
  return { ...request, recipients };
}

async function sendInSlot(
  deps: SendDeps,
  sending: Sending,
  { request, context }: { request: Mail; context: RunContext },
): Promise<Accepted> {
  const { steps, vendor, callTimeoutMs } = context;
  const slot = await reserveSlot(deps, { use: sending.use, recipients: request.recipients.length, context });
  await slot.ready();
  await sending.check?.();
  const call = async () => {
    await slot.now();
    return deps.sendgrid.send(request, { timeoutMs: callTimeoutMs(CALL_MS) });
  };
  return steps.step<Accepted>(SEND, {
    vendor: 'sendgrid',
    proven: sentByEvidence,
    run: () => vendor('sendgrid', call, { sender: request.from.email }),
  });
}

const notAgain = (): Promise<never> =>
  Promise.reject(new StopError({ code: 'SentBefore', message: 'a step that has started is never started again' }));

/** The step starts this long before its slot, so that its write does not delay the call. */
const LEAD_MS = 150;
/** The part of the remaining time that a sender may wait. The rest is for the call. */
const WAIT_PART = 2 / 3;

/**
 * Reserves a time to send within this invocation. If there is none, it throws a WaitError and the job waits outside.
 * The caller awaits `ready` before it starts the step, and `now` right before the call. Both throw a WaitError if the
 * slot was missed, because another job may have it by then, or if an operator has changed the rate.
 */
async function reserveSlot(
  { rate, clock }: SendDeps,
  { recipients, use, context }: { recipients: number; use: RateUse; context: RunContext },
) {
  const withinMs = context.callTimeoutMs(Number.MAX_SAFE_INTEGER) * WAIT_PART;
  const answer = await rate.reserve({ recipients, use, withinMs });
  if (answer.kind === 'later')
    throw new WaitError({ code: 'NoRateSlot', message: 'no slot of the sending rate is free', ...answer });
  const { slot } = answer;
  const until = async (at: number) => {
    const waitMs = at - clock.now();
    if (waitMs > 0) await clock.sleep(waitMs);
    if (clock.now() > slot.until || slot.rate !== rate.inUse())
      throw new WaitError({ code: 'RateSlotMissed', message: 'the time to send has passed', waitMs: 0 });
  };
  return { ready: () => until(slot.at - LEAD_MS), now: () => until(slot.at) };
}

/** The most refused requests of a chunk before an operator must look: then single addresses are not the cause. */
const MOST_REFUSED_REQUESTS = 10;

/** Adds the recipients at these places of a refused request. `undefined` if the chunk cannot go on without them. */
export function excludedWith(
  before: Excluded | undefined,
  refusal: { places: readonly number[]; sent: readonly number[]; code: string; generation: number },
): Excluded | undefined {
  const { places, sent, code, generation } = refusal;
  const requests = (before?.generation === generation ? before.requests : 0) + 1;
  const named = places.map((place) => sent[place]);
  if (requests > MOST_REFUSED_REQUESTS || named.length >= sent.length) return undefined;
  if (!named.every((number) => number !== undefined)) return undefined;
  const recipients = [...(before?.recipients ?? []), ...named].sort((a, b) => a - b);
  return { recipients, code, requests, generation };
}

/** Writes each recipient's status by number. Only the manifest has the addresses, so an erasure has one place. */
async function writeRecipients(
  { objects, prefix }: SendDeps,
  { origin: { id, time, campaign }, recipients }: Sending,
  { steps, outcome }: { steps: RunContext['steps']; outcome: RecipientOutcome },
): Promise<void> {
  const apart = outcomesApart(steps.peek);
  const lines = Array.from({ length: recipients }, (_, recipient) =>
    JSON.stringify({ job: id, campaign, ...(apart.get(recipient) ?? outcome), recipient }),
  );
  const key = recipientsKey(prefix, { queue: EMAILS_QUEUE, time, id });
  await objects.put(key, `${lines.join('\n')}\n`, 'application/x-ndjson');
}
