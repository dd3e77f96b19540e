import { PermanentError, StopError, StoreError, WaitError } from '../errors';
import type { RateUse, SharedRate } from '../jobs/rate';
import type { Evidence } from '../jobs/row';
import type { Clock, Objects } from '../ports';
import type { BulkMail, BulkSendgrid } from '../vendors/sendgrid-bulk';
import type { RunContext } from '../worker/contract';
import { CancelledError } from '../worker/decide';
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
  recipients: number;
  use: RateUse;
  /** Made only when it is needed: a job that was sent before needs it no more. */
  request: () => Promise<BulkMail>;
  /** Asked at the last moment; throws where it must not be sent. */
  check?: () => Promise<void>;
}

/** A thousand recipients take SendGrid longer than one, and an answer that is not waited for is nobody's. */
const CALL_MS = 30_000;

/** What SendGrid answered. `evidence`: nothing, but a sign came that it has the mails. */
export interface Accepted {
  messageId?: string;
  evidence?: string;
}

/**
 * Sends one request at its turn, at most once: accepted, refused (PermanentError), throttled (WaitError, for everybody),
 * or nobody can tell, then a sign or a person must.
 */
export async function send(deps: SendDeps, sending: Sending, context: RunContext): Promise<Accepted> {
  const { origin, recipients } = sending;
  try {
    const accepted = await sendOnce(deps, sending, context);
    const { messageId } = accepted;
    // A step of its own: its start writes down that the other was accepted, before anything else can fail.
    await context.steps.step(RECIPIENTS, {
      settle: async () => undefined,
      run: () => writeRecipients(deps, { ...origin, recipients, status: 'accepted', messageId }),
    });
    return accepted;
  } catch (error) {
    if (error instanceof WaitError && error.vendor === 'sendgrid') await block(deps, error.waitMs, context);
    if (error instanceof PermanentError && !(error instanceof CancelledError))
      await writeRecipients(deps, { ...origin, recipients, status: 'refused', code: error.code });
    throw error;
  }
}

async function sendOnce(deps: SendDeps, sending: Sending, context: RunContext): Promise<Accepted> {
  const { steps, vendor, callTimeoutMs } = context;
  const proven = ({ event, messageId }: Evidence): Accepted => ({
    evidence: event,
    ...(messageId ? { messageId } : {}),
  });
  // A person has looked: it was not sent, and shall not be.
  if (steps.peek(SEND)?.status === 'skipped') throw new CancelledError();
  // Begun before: it is done, or proven, or nobody can tell. It is not sent again.
  if (steps.peek(SEND) !== undefined) return steps.step(SEND, { proven, run: notAgain });

  await sending.check?.();
  const request = await sending.request();
  const turn = await takeTurn(deps, { ...sending, context });
  await turn.ready();
  await sending.check?.();
  return steps.step(SEND, {
    proven,
    run: () =>
      vendor('sendgrid', async () => {
        await turn.now();
        const { messageId } = await deps.sendgrid.sendBulk(request, { timeoutMs: callTimeoutMs(CALL_MS) });
        return messageId === undefined ? {} : { messageId };
      }),
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
