import { sha256 } from '../jobs/envelope';
import { MAIL_STEPS } from '../jobs/mail';
import { traceOf } from '../jobs/trace';
import type { Objects } from '../ports';
import type { Sendgrid } from '../vendors/sendgrid';
import { type Ticket, ticketBody, type Zendesk } from '../vendors/zendesk';
import { type BestEffort, bestEffort, skipStep } from '../worker/best-effort';
import { type Job, messageType, type QueueContract, type RunContext } from '../worker/contract';
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
/** Zendesk's upload tokens last 60 minutes. The worker uploads again before that. */
const TOKEN_LIFETIME_MS = 55 * MINUTE_MS;

/** Creates a ticket for each feedback and confirms it to the sender. Rows store the step names, so they never change. */
export function feedbackContract(deps: FeedbackDeps): QueueContract {
  return {
    queue: FEEDBACK_QUEUE,
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
  { id, data, row }: Job<Feedback>,
  context: RunContext,
): Promise<{ id: string }> {
  const { steps, vendor, callTimeoutMs } = context;
  const { zendesk, config } = deps;
  const made = steps.peek('ticket')?.status === 'done';
  const uploads = made ? [] : await upload(deps, data, context);
  const { ticket, hash } = ticketFor(steps.peek('ticket')?.hash, [
    ticketOf({ id, data, uploads, tags: config.tags, trace: traceOf(row) }),
    ticketOf({ id, data, uploads, tags: config.tags }),
  ]);
  return steps.step('ticket', {
    hash,
    run: () =>
      vendor('zendesk', () => zendesk.createTicket(ticket, { idempotencyKey: id, timeoutMs: callTimeoutMs() })),
    resolve: () => vendor('zendesk', () => zendesk.findTicket(id, { timeoutMs: callTimeoutMs() })),
  });
}

/** The form whose request was begun, or else the first. Earlier code sent no trace, and a repeat must be the same bytes. */
function ticketFor(begun: string | undefined, forms: [Ticket, Ticket]): { ticket: Ticket; hash: string } {
  const hashed = forms.map((ticket) => ({ ticket, hash: sha256(ticketBody(ticket)) }));
  return hashed.find(({ hash }) => hash === begun) ?? { ticket: forms[0], hash: sha256(ticketBody(forms[0])) };
}

/** Uploads the job's files one after another, because Zendesk counts each against the account's rate. */
async function upload(deps: FeedbackDeps, data: Feedback, context: RunContext): Promise<string[]> {
  if (!data.attachments?.length) return [];
  const { steps, vendor, callTimeoutMs, now } = context;
  return steps.step('upload', {
    confidential: true,
    stale: (_tokens, endedAt) => now() - endedAt > TOKEN_LIFETIME_MS,
    // A second upload is harmless, because Zendesk forgets an upload that no ticket names.
    resolve: async () => undefined,
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

/** Sends the confirmation as a best-effort step, because the job is about the ticket. */
async function confirm(
  deps: FeedbackDeps,
  { job: { id, data, row }, ticketId, context }: { job: Job<Feedback>; ticketId: string; context: RunContext },
): Promise<BestEffort> {
  if (!data.confirmation) return skipStep(context, MAIL_STEPS.feedback, 'opted-out');
  const mail = confirmationOf({ id, time: row.time, trace: traceOf(row), data, ticketId, config: deps.config });
  return bestEffort(context, {
    step: MAIL_STEPS.feedback,
    after: 'ticket',
    vendor: 'sendgrid',
    sender: mail.from.email,
    limitMs: deps.config.confirmationWaitMs,
    run: () => deps.sendgrid.send(mail, { timeoutMs: context.callTimeoutMs() }),
  });
}
