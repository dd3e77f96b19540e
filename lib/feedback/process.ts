import { sha256 } from '../jobs/envelope';
import { FEEDBACK_QUEUE } from '../jobs/keys';
import type { Objects } from '../ports';
import { type Ticket, ticketBody, type Zendesk } from '../vendors/zendesk';
import { type Job, messageType, type QueueContract, type RunContext } from '../worker/contract';
import { type BestEffort, MAIL_STEPS, type MailDeps, mailOrSkip, skipStep } from '../worker/mail';
import type { MayConfirm } from './mail-limit';
import { FEEDBACK_SUBMITTED, type Feedback, type FeedbackResult, feedbackSchema } from './message';
import { attachmentsOf, type ConfirmationConfig, confirmationOf, ticketOf } from './texts';

export interface FeedbackDeps extends MailDeps {
  zendesk: Zendesk;
  objects: Objects;
  mayConfirm: MayConfirm;
  config: ConfirmationConfig & {
    prefix: string;
    tags: readonly string[];
    /** How long a confirmation may wait for SendGrid. */
    confirmationWaitMs: number;
  };
}

/** Zendesk's upload tokens last 60 minutes. The worker uploads again before that. */
const TOKEN_LIFETIME_MS = 55 * 60_000;

export function feedbackContract(deps: FeedbackDeps): QueueContract {
  return {
    queue: FEEDBACK_QUEUE,
    types: {
      [FEEDBACK_SUBMITTED]: messageType({
        schema: feedbackSchema,
        first: (job: Omit<Job<Feedback>, 'envelope'>) => {
          if (job.data.attachments?.length) return { name: 'upload' };
          return { name: 'ticket', hash: hashOf(ticketOf(job, [], deps.config.tags)) };
        },
        process: (job: Job<Feedback>, context) => process(deps, job, context),
      }),
    },
  };
}

async function process(deps: FeedbackDeps, job: Job<Feedback>, context: RunContext): Promise<FeedbackResult> {
  const ticket = await makeTicket(deps, job, context);
  const confirmation = await confirm(deps, { job, ticketId: ticket.id, context });
  return { ticketId: ticket.id, confirmation };
}

async function makeTicket(deps: FeedbackDeps, job: Job<Feedback>, context: RunContext): Promise<{ id: string }> {
  const { id, data } = job;
  const { steps, vendor, callTimeoutMs } = context;
  const { zendesk } = deps;
  const made = steps.peek('ticket')?.status === 'done';
  const uploads = made ? [] : await upload(deps, data, context);
  const ticket = ticketOf(job, uploads, deps.config.tags);
  return steps.step('ticket', {
    hash: hashOf(ticket),
    run: () =>
      vendor('zendesk', () => zendesk.createTicket(ticket, { idempotencyKey: id, timeoutMs: callTimeoutMs() })),
    resolve: () => vendor('zendesk', () => zendesk.findTicket(id, { timeoutMs: callTimeoutMs() }), { minor: true }),
  });
}

const hashOf = (ticket: Ticket): string => sha256(ticketBody(ticket));

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
      for await (const file of attachmentsOf({ objects: deps.objects, prefix: deps.config.prefix }, data)) {
        const call = () => deps.zendesk.upload(file, { timeoutMs: callTimeoutMs() });
        tokens.push((await vendor('zendesk', call, { minor: true })).token);
      }
      return tokens;
    },
  });
}

/** Sends the confirmation as a best-effort step, because the job is about the ticket. */
async function confirm(
  deps: FeedbackDeps,
  { job, ticketId, context }: { job: Job<Feedback>; ticketId: string; context: RunContext },
): Promise<BestEffort> {
  const step = MAIL_STEPS.feedback;
  const { id, data } = job;
  if (!data.confirmation) return skipStep(context, step, 'opted-out');
  const { id: userId, email } = data.user;
  const first = context.steps.peek(step) === undefined;
  if (first && userId === undefined && !(await deps.mayConfirm({ id, email })))
    return skipStep(context, step, 'TooManyMails');
  const mail = confirmationOf(job, ticketId, deps.config);
  return mailOrSkip(deps, context, { step, after: 'ticket', limitMs: deps.config.confirmationWaitMs, mail });
}
