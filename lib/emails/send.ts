import { CancelledError, PermanentError, StopError, StoreError, WaitError } from '../errors';
import { sentBySign } from '../jobs/mail';
import type { RateUse, SharedRate } from '../limits/rate';
import type { Clock, Objects } from '../ports';
import type { BulkMail, BulkSendgrid } from '../vendors/sendgrid-bulk';
import { RecipientsRefusedError } from '../vendors/sendgrid-errors';
import type { RunContext } from '../worker/contract';
import { EXCLUDED, excludedOf, excludedWith } from './excluded';
import { writeRecipients } from './recipient-status';
import { type Origin, RECIPIENTS, SEND } from './request';
import { takeTurn } from './turn';

export interface SendDeps {
  sendgrid: BulkSendgrid;
  rate: SharedRate;
  clock: Clock;
  objects: Objects;
  prefix: string;
}

export interface Sending {
  origin: Origin;
  /** How often the job was opened. */
  opened: number;
  recipients: number;
  use: RateUse;
  /** Without the recipients of these numbers. Made only when it is needed: a job that was sent before needs it no more. */
  request: (excluded: ReadonlySet<number>) => Promise<BulkMail>;
  /** Asked at the last moment; throws where it must not be sent. */
  check?: () => Promise<void>;
}

/** A thousand recipients take SendGrid longer than one, and an answer that is not waited for is nobody's. */
const CALL_MS = 30_000;

/** What SendGrid answered. `evidence`: nothing, but a sign came that it has the mails. */
export interface Accepted {
  messageId?: string;
  evidence?: string;
  /** How many recipients it refused, each for their own address; the others are accepted. */
  refused?: number;
}

/**
 * Sends one request at its turn, at most once: accepted, refused (PermanentError), throttled (WaitError, for everybody),
 * or nobody can tell, then a sign or a person must. A request that is refused because of single addresses has taken
 * nothing: it is sent without those, a bounded number of times.
 */
export async function send(deps: SendDeps, sending: Sending, context: RunContext): Promise<Accepted> {
  const { origin, recipients } = sending;
  const { steps } = context;
  const excluded = () => excludedOf(steps.peek(EXCLUDED));
  try {
    const accepted = await sendOnce(deps, sending, context);
    const { messageId } = accepted;
    // A step of its own: its start writes down that the other was accepted, before anything else can fail.
    await steps.step(RECIPIENTS, {
      settle: async () => undefined,
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
  // A person has looked: it was not sent, and shall not be.
  if (steps.peek(SEND)?.status === 'skipped') throw new CancelledError();
  // Begun before: it is done, or proven, or nobody can tell. It is not sent again.
  if (steps.peek(SEND) !== undefined) return steps.step(SEND, { proven: sentBySign, run: notAgain });

  for (;;) {
    const excluded = excludedOf(steps.peek(EXCLUDED));
    try {
      return await sendWithout(deps, sending, { excluded: new Set(excluded?.recipients), context });
    } catch (error) {
      if (!(error instanceof RecipientsRefusedError)) throw error;
      const out = new Set(excluded?.recipients);
      const sent = Array.from({ length: sending.recipients }, (_, number) => number).filter((n) => !out.has(n));
      const { recipients: places, code } = error;
      const next = excludedWith(excluded, { places, sent, code, opened: sending.opened });
      if (!next) throw error;
      // Before the wait for another turn: killed in it, the job must not look as if it were being sent.
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
  await sending.check?.();
  const request = await sending.request(excluded);
  const turn = await takeTurn(deps, { use: sending.use, recipients: request.recipients.length, context });
  await turn.ready();
  await sending.check?.();
  return steps.step(SEND, {
    proven: sentBySign,
    run: () =>
      vendor(
        'sendgrid',
        async () => {
          await turn.now();
          const { messageId } = await deps.sendgrid.sendBulk(request, { timeoutMs: callTimeoutMs(CALL_MS) });
          return messageId === undefined ? {} : { messageId };
        },
        { sender: request.from.email },
      ),
  });
}

/** The vendor's wait is everybody's. Where that cannot be written down, each meets it by themselves. */
async function block({ rate }: SendDeps, waitMs: number, { log }: RunContext): Promise<void> {
  await rate.block(waitMs).catch((error: unknown) => {
    if (!(error instanceof StoreError)) throw error;
    log.warn("the vendor's wait could not be shared", { vendor: 'sendgrid', waitMs, code: error.code });
  });
}

const notAgain = (): Promise<never> =>
  Promise.reject(new StopError({ code: 'SentBefore', message: 'a step that was begun is not begun again' }));
