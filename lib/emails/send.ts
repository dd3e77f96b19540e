import { CancelledError, PermanentError, StopError, StoreError, WaitError } from '../errors';
import { sentByEvidence } from '../jobs/mail';
import type { RateUse, SharedRate } from '../limits/rate';
import type { Clock, Objects } from '../ports';
import type { Mail, Sendgrid } from '../vendors/sendgrid';
import { RecipientsRefusedError } from '../vendors/sendgrid-errors';
import type { RunContext } from '../worker/contract';
import { EXCLUDED, excludedOf, excludedWith } from './excluded';
import { writeRecipients } from './recipient-status';
import { type Origin, RECIPIENTS, SEND } from './request';
import { takeTurn } from './turn';

export interface SendDeps {
  sendgrid: Sendgrid;
  rate: SharedRate;
  clock: Clock;
  objects: Objects;
  prefix: string;
}

export interface Sending {
  origin: Origin;
  generation: number;
  recipients: number;
  use: RateUse;
  /** Builds the request without these recipients, before the wait for a turn. A job that was already sent does not call it. */
  request: (excluded: ReadonlySet<number>) => Promise<Mail>;
  /** Runs after the wait for a turn. It throws if the mail must not be sent any more. */
  check?: () => Promise<void>;
}

/** SendGrid takes longer for a thousand recipients than for one. If we stop waiting, we lose the answer. */
const CALL_MS = 30_000;

/** SendGrid's answer. `evidence`: there was no answer, but an event proves that SendGrid has the mails. */
export interface Accepted {
  messageId?: string;
  evidence?: string;
  /** How many recipients SendGrid refused because of their own addresses. The others are accepted. */
  refused?: number;
}

/**
 * Sends one request in its turn, at most once. It ends as accepted, refused (PermanentError), throttled (WaitError, for
 * all jobs), or unknown until evidence or an operator resolves it. SendGrid sends nothing of a request that it refuses
 * because of single addresses. So the request is repeated without those, a limited number of times.
 */
export async function send(deps: SendDeps, sending: Sending, context: RunContext): Promise<Accepted> {
  const { origin, recipients } = sending;
  const { steps } = context;
  const excluded = () => excludedOf(steps.peek(EXCLUDED));
  try {
    const accepted = await sendOnce(deps, sending, context);
    const { messageId } = accepted;
    // This is a step, so that its start stores that the mail was accepted before anything else can fail.
    await steps.step(RECIPIENTS, {
      resolve: async () => undefined,
      run: () => writeRecipients(deps, { ...origin, recipients, status: 'accepted', messageId, excluded: excluded() }),
    });
    const refused = excluded()?.recipients.length;
    return { ...accepted, ...(refused ? { refused } : {}) };
  } catch (error) {
    if (error instanceof WaitError && error.vendor === 'sendgrid') await block(deps, error.waitMs, context);
    if (error instanceof PermanentError && !(error instanceof CancelledError))
      await writeRecipients(deps, {
        ...origin,
        recipients,
        status: 'refused',
        code: error.code,
        excluded: excluded(),
      });
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
    try {
      return await sendWithout(deps, sending, { excluded: new Set(excluded?.recipients), context });
    } catch (error) {
      if (!(error instanceof RecipientsRefusedError)) throw error;
      const out = new Set(excluded?.recipients);
      const sent = Array.from({ length: sending.recipients }, (_, number) => number).filter((n) => !out.has(n));
      const { recipients: places, code } = error;
      const next = excludedWith(excluded, { places, sent, code, generation: sending.generation });
      if (!next) throw error;
      // Save before the wait for the next turn. If the worker dies in that wait, the step must not look started.
      steps.found(EXCLUDED, next);
      await steps.save();
    }
  }
}

async function sendWithout(
  deps: SendDeps,
  sending: Sending,
  { excluded, context }: { excluded: ReadonlySet<number>; context: RunContext },
): Promise<Accepted> {
  const { steps, vendor, callTimeoutMs } = context;
  const request = await sending.request(excluded);
  const turn = await takeTurn(deps, { use: sending.use, recipients: request.recipients.length, context });
  await turn.ready();
  await sending.check?.();
  return steps.step(SEND, {
    vendor: 'sendgrid',
    proven: sentByEvidence,
    run: () =>
      vendor(
        'sendgrid',
        async () => {
          await turn.now();
          return deps.sendgrid.send(request, { timeoutMs: callTimeoutMs(CALL_MS) });
        },
        { sender: request.from.email },
      ),
  });
}

/** The vendor's wait applies to all jobs. If it cannot be stored, each job runs into it separately. */
async function block({ rate }: SendDeps, waitMs: number, { log }: RunContext): Promise<void> {
  await rate.block(waitMs).catch((error: unknown) => {
    if (!(error instanceof StoreError)) throw error;
    log.warn("the vendor's wait could not be shared", { vendor: 'sendgrid', waitMs, code: error.code });
  });
}

const notAgain = (): Promise<never> =>
  Promise.reject(new StopError({ code: 'SentBefore', message: 'a step that has started is never started again' }));
