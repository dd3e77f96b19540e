import { JobError, type Vendor, WaitError } from '../errors';
import { sha256 } from '../jobs/envelope';
import type { Objects } from '../ports';
import type { Sendgrid } from '../vendors/sendgrid';
import { ticketBody, type Zendesk } from '../vendors/zendesk';
import { type Job, messageType, type QueueContract, type RunContext } from '../worker/contract';
import { StepUnknownError } from '../worker/steps';
import { type ConfirmationConfig, confirmationOf } from './confirmation';
import { FEEDBACK_QUEUE, FEEDBACK_SUBMITTED, type Feedback, feedbackSchema } from './message';
import { attachmentsOf, type TicketConfig, ticketOf } from './ticket';

export interface FeedbackDeps {
  zendesk: Zendesk;
  sendgrid: Sendgrid;
  objects: Objects;
  config: TicketConfig & ConfirmationConfig & { /** Milliseconds. */ confirmationWaitMs: number };
}

const MINUTE_MS = 60_000;
/** Zendesk's upload tokens last 60 minutes; one that is nearly over is made anew. */
const TOKEN_LIFETIME_MS = 55 * MINUTE_MS;
/** Pause before another try of a confirmation whose vendor is down. */
const CONFIRMATION_PAUSE_MS = MINUTE_MS;

/** Feedback becomes a ticket, and its sender hears of it. Step names are stored: they are never renamed. */
export function feedbackContract(deps: FeedbackDeps): QueueContract {
  return {
    queue: FEEDBACK_QUEUE,
    vendors: ['zendesk', 'sendgrid'] satisfies Vendor[],
    types: {
      [FEEDBACK_SUBMITTED]: messageType({
        schema: feedbackSchema,
        process: (job: Job<Feedback>, context) => process(deps, job, context),
      }),
    },
  };
}

async function process(deps: FeedbackDeps, job: Job<Feedback>, context: RunContext) {
  const ticket = await makeTicket(deps, job, context);
  const confirmation = await confirm(deps, { job, ticketId: ticket.id, context });
  return { ticketId: ticket.id, confirmation };
}

async function makeTicket(
  deps: FeedbackDeps,
  { id, data }: Job<Feedback>,
  context: RunContext,
): Promise<{ id: string }> {
  const { steps, vendor, callTimeoutMs } = context;
  const { zendesk, config } = deps;
  const made = steps.peek('ticket')?.status === 'done';
  const uploads = made ? [] : await upload(deps, data, context);
  const ticket = ticketOf({ id, data, uploads, tags: config.tags });
  return steps.step('ticket', {
    hash: sha256(ticketBody(ticket)),
    run: () =>
      vendor('zendesk', () => zendesk.createTicket(ticket, { idempotencyKey: id, timeoutMs: callTimeoutMs() })),
    settle: () => vendor('zendesk', () => zendesk.findTicket(id, { timeoutMs: callTimeoutMs() })),
  });
}

/** Tokens of the job's files, one after another: Zendesk counts each against the account's rate. */
async function upload(deps: FeedbackDeps, data: Feedback, context: RunContext): Promise<string[]> {
  if (!data.attachments?.length) return [];
  const { steps, vendor, callTimeoutMs, now } = context;
  return steps.step('upload', {
    confidential: true,
    stale: (_tokens, endedAt) => now() - endedAt > TOKEN_LIFETIME_MS,
    // An upload that nobody's ticket names is forgotten by Zendesk: it may be made twice.
    settle: async () => undefined,
    run: async () => {
      const tokens: string[] = [];
      for (const file of await attachmentsOf({ objects: deps.objects, prefix: deps.config.prefix }, data)) {
        const call = () => deps.zendesk.upload(file, { timeoutMs: callTimeoutMs() });
        tokens.push((await vendor('zendesk', call)).token);
      }
      return tokens;
    },
  });
}

type Confirmation = 'sent' | 'unknown' | `skipped: ${string}`;

/** Best effort: the ticket is what counts. The step says what became of the mail, and the job succeeds. */
async function confirm(
  deps: FeedbackDeps,
  { job: { id, data }, ticketId, context }: { job: Job<Feedback>; ticketId: string; context: RunContext },
): Promise<Confirmation> {
  const { steps, vendor, callTimeoutMs } = context;
  const skip = (reason: string): Confirmation => {
    steps.skip('confirmation', reason);
    return `skipped: ${reason}`;
  };
  const before = steps.peek('confirmation');
  if (before?.status === 'skipped') return `skipped: ${before.reason}`;
  if (!data.confirmation) return skip('opted-out');

  const mail = confirmationOf({ id, data, ticketId, config: deps.config });
  try {
    await steps.step('confirmation', {
      run: () => vendor('sendgrid', () => deps.sendgrid.send(mail, { timeoutMs: callTimeoutMs() })),
    });
    return 'sent';
  } catch (error) {
    if (error instanceof StepUnknownError) return 'unknown';
    if (!(error instanceof JobError)) throw error;
    if (error.class === 'permanent' || error.class === 'stop') return skip(error.code);
    if (error.class !== 'wait' && error.class !== 'transient') throw error;
    const waitMs = error instanceof WaitError ? error.waitMs : CONFIRMATION_PAUSE_MS;
    if (waitedMs(context) + waitMs > deps.config.confirmationWaitMs) return skip(error.code);
    // Down or throttled: the job waits without spending attempts, for an attempt too many would end it as dead.
    throw error instanceof WaitError ? error : asWait(error, waitMs);
  }
}

/** Since the ticket was made. */
const waitedMs = ({ steps, now }: RunContext): number => now() - (steps.peek('ticket')?.endedAt ?? now());

const asWait = ({ code, message, vendor }: JobError, waitMs: number): WaitError =>
  new WaitError({ code, message, waitMs, ...(vendor ? { vendor } : {}) });
