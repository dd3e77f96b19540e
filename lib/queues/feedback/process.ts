import * as z from 'zod';
import { mailboxOf } from '../../engine/jobs/address';
import { type ItemDeps, renewable, type Stored, time } from '../../engine/jobs/items';
import { attachmentsPrefix, personKey, uploadsPrefix } from '../../engine/jobs/keys';
import { type HashPeople, saltOf } from '../../engine/jobs/person-hash';
import { type JobRow, type Lack, traceOf } from '../../engine/jobs/row';
import { type Job, messageType, type QueueContract, type RunContext } from '../../engine/worker/contract';
import { type MailDeps, type OwnMails, oweMail, ownMail, sendOwed, skipStep } from '../../mail/mail';
import type { Mail } from '../../mail/sendgrid';
import { codeOf, FilteredError, PermanentError, refusesRequest, StoreError, wrongField } from '../../platform/errors';
import { type Objects, TOO_LARGE } from '../../platform/ports';
import { plainText } from '../../platform/text';
import { FEEDBACK_SUBMITTED, type Feedback, type FeedbackResult, feedbackSchema } from './message';
import { CONFIRMATION, FEEDBACK_QUEUE, MAX_ATTACHMENT_BYTES } from './queue';
import { TICKET_PARTS, type Ticket, type TicketPart, TicketRefusedError, type Zendesk } from './zendesk';

interface FeedbackDeps extends MailDeps {
  zendesk: Zendesk;
  objects: Objects;
  mayConfirm: ReturnType<typeof mailLimit>;
  hashPeople: HashPeople;
  config: ConfirmationConfig & {
    prefix: string;
    tags: readonly string[];
    /** How long a confirmation may wait for SendGrid. */
    confirmationWaitMs: number;
  };
}

/** Zendesk's upload tokens last 60 minutes. The clock of the worker that noted the time may have been ten minutes fast. */
const TOKEN_LIFETIME_MS = 45 * 60_000;

export function feedbackContract(deps: FeedbackDeps): QueueContract {
  return {
    queue: FEEDBACK_QUEUE,
    probes: { zendesk: (call) => deps.zendesk.probe(call), sendgrid: (call) => deps.sendgrid.probe(call) },
    types: {
      [FEEDBACK_SUBMITTED]: messageType({
        schema: feedbackSchema,
        first: ({ data }: Job<Feedback>) => (data.attachments?.length ? 'upload' : 'ticket'),
        process: (job: Job<Feedback>, context) => process(deps, job, context),
      }),
    },
  };
}

async function process(deps: FeedbackDeps, job: Job<Feedback>, context: RunContext): Promise<FeedbackResult> {
  const { id: ticketId } = await makeTicket(deps, job, context);
  return { ticketId, confirmation: await confirm(deps, job, ticketId, context) };
}

/** How a ticket is asked for after Zendesk has refused it. Stored as the result of a step. */
interface Reduction {
  /** What is left out, besides what an earlier reduction left out. */
  without: (Lack & { what: TicketPart | typeof TEXT })[];
  /** Who refused. Steps of earlier code do not say it. */
  vendor?: string | undefined;
  /** Whether the files are uploaded again: their tokens may have expired. */
  again?: true;
}

/** What goes into a file if a firewall before Zendesk refuses it in the ticket. */
const TEXT = 'text';

const REDUCTIONS = ['reduced-1', 'reduced-2'] as const;

/**
 * A ticket is made whenever one can be made. What Zendesk refuses is left out of the next request, at most twice. That
 * request has a key of its own, because Zendesk takes no other bytes under the first one. Its step is stored before it is
 * sent, so a run after a crash asks for the same ticket under the same key.
 */
async function makeTicket(deps: FeedbackDeps, job: Job<Feedback>, context: RunContext): Promise<{ id: string }> {
  const { id } = job;
  const { steps, vendor, callTimeoutMs } = context;
  const { zendesk } = deps;
  for (;;) {
    const reduced = REDUCTIONS.flatMap((name) => (steps.peek(name)?.result as Reduction | undefined) ?? []);
    const left = reduced.flatMap(({ without }) => without);
    const isMade = steps.peek('ticket')?.status === 'done';
    const asksForFiles = !isMade && left.every(({ what }) => what !== 'files');
    const isAttached = left.some(({ what }) => what === TEXT);
    /** An earlier call may still make the ticket with its text, so another request would make a second one. */
    const inDoubt = steps.peek('ticket')?.status === 'started';
    const { uploads, refused } = asksForFiles
      ? await upload(deps, job, context, isAttached)
      : { uploads: new Map(), refused: [] };
    const lacks = [...left, ...refused];
    const ticket = ticketOf(job, [...uploads.values()], deps.config.tags, lacks);
    const idempotencyKey = reduced.length === 0 ? id : `${id}:${reduced.length}`;
    try {
      const made = await steps.step('ticket', {
        run: () =>
          vendor('zendesk', () => zendesk.createTicket(ticket, { idempotencyKey, timeoutMs: callTimeoutMs() }), {
            ...(inDoubt ? {} : { words: !isAttached }),
          }),
        resolve: () => vendor('zendesk', () => zendesk.findTicket(id, { timeoutMs: callTimeoutMs() }), { minor: true }),
      });
      if (!isMade && lacks.length > 0) steps.lack(lacks);
      return made;
    } catch (error) {
      const name = REDUCTIONS[reduced.length];
      const next = name && reductionAfter(error, ticket, { reductions: reduced.length, isAttached, inDoubt });
      if (!next) throw error;
      steps.found(name, next);
      if (next.again) for (const name of uploads.keys()) steps.forget(name);
    }
  }
}

const uploadStep = (index: number): string => (index === 0 ? 'upload' : `upload-${index + 1}`);

/** First goes what Zendesk names, or else what is only for agents. Then goes all that a ticket can do without. */
function reductionAfter(
  error: unknown,
  ticket: Ticket,
  { reductions, isAttached, inDoubt }: { reductions: number; isAttached: boolean; inDoubt: boolean },
): Reduction | undefined {
  if (error instanceof FilteredError && !isAttached && !inDoubt) {
    const parts: Reduction['without'][number]['what'][] = ticket.custom_fields ? [TEXT, 'customFields'] : [TEXT];
    return { without: parts.map((what) => ({ what, code: error.code })), vendor: error.vendor };
  }
  if (!(error instanceof TicketRefusedError) || error.isFinal) return undefined;
  const parted = { ...ticket, customFields: ticket.custom_fields, files: ticket.comment.uploads };
  const all = TICKET_PARTS.filter((part) => parted[part] !== undefined && !(part === 'files' && isAttached));
  const named = all.filter((part) => error.parts.includes(part));
  const forAgents = all.filter((part) => part !== 'requester' && part !== 'files');
  const first = [named, forAgents].find((parts) => parts.length > 0) ?? all;
  const isFirst = reductions === 0;
  const parts = isFirst ? first : all;
  if (parts.length === 0) return undefined;
  const again = isFirst && named.includes('files');
  const without = parts.filter((part) => !again || part !== 'files').map((what) => ({ what, code: error.code }));
  return { without, vendor: error.vendor, ...(again && { again }) };
}

/**
 * Uploads the job's files one after another, because Zendesk counts each against the account's rate. Each is a step of
 * its own: a run that is out of time leaves the rest to the next one.
 */
async function upload(deps: FeedbackDeps, job: Job<Feedback>, context: RunContext, isAttached: boolean) {
  const { steps, vendor, callTimeoutMs, now } = context;
  /** The tokens, by step. */
  const uploads = new Map<string, string>();
  const refused: Lack[] = [];
  const of = { objects: deps.objects, prefix: deps.config.prefix, ours: await isOurs(deps, job) };
  const attached = attachmentsOf(of, job.data).map((read, index) => ({ name: uploadStep(index), read, isText: false }));
  const text = { name: 'upload-text', read: async () => textFileOf(job.data), isText: true };
  for (const [index, { name, read, isText }] of [...attached, ...(isAttached ? [text] : [])].entries()) {
    await steps
      .step(name, {
        confidential: true,
        stale: (_token, endedAt) => now() - endedAt > TOKEN_LIFETIME_MS,
        // A second upload is harmless, because Zendesk forgets an upload that no ticket names.
        resolve: async () => undefined,
        run: async () => {
          const file = await read();
          const call = () => deps.zendesk.upload(file, { timeoutMs: callTimeoutMs() });
          return (await vendor('zendesk', call, { minor: true, words: !isText })).token;
        },
      })
      .then((token?: string) => void (token !== undefined && uploads.set(name, token)))
      .catch((error: unknown) => {
        if (isText || !(refusesRequest(error) || error instanceof FilteredError)) throw error;
        steps.skip(name, codeOf(error));
      });
    const { status, reason = '' } = steps.peek(name) ?? {};
    if (status === 'skipped') refused.push({ what: `file-${index + 1}`, code: reason });
  }
  return { uploads, refused };
}

/** Whether our producer sent the job: only who has the key of the hashes can make its salt. */
async function isOurs({ hashPeople }: FeedbackDeps, { id, envelope: { salt }, data }: Job<Feedback>): Promise<boolean> {
  if (salt === undefined || !data.attachments?.length) return false;
  return (await hashPeople())(saltOf(FEEDBACK_QUEUE, id)).includes(salt);
}

async function confirm(deps: FeedbackDeps, job: Job<Feedback>, ticketId: string, context: RunContext) {
  const step = CONFIRMATION;
  const { id, data } = job;
  if (!data.confirmation) return skipStep(context, step, 'opted-out');
  const { id: userId, email } = data.user;
  const owed = oweMail(context, step, { result: { ticketId }, waitMs: deps.config.confirmationWaitMs });
  if (!owed.allowed) {
    if (!(await deps.mayConfirm({ id, email, isKnown: userId !== undefined })))
      throw new PermanentError({ code: 'TooManyMails', message: 'the address has had its mails of this hour' });
    context.steps.owe({ ...owed, allowed: true });
  }
  return sendOwed(deps, context, step, confirmationOf(job, ticketId, deps.config));
}

type FeedbackJob = Pick<Job<Feedback>, 'id' | 'data'> & {
  row: Pick<JobRow, 'time' | 'correlationId' | 'traceparent'>;
};

/** Depends only on its arguments, so a repeat of the job makes the same bytes. The text names what is left out. */
export function ticketOf(
  { id, data, row }: FeedbackJob,
  uploads: string[],
  tags: readonly string[],
  without: readonly Lack[] = [],
): Ticket {
  const { user, subject, message, category, type, priority, customFields = [], context = {} } = data;
  // Zendesk creates a user for the requester, and a user needs a name.
  const own = user.email.slice(0, user.email.lastIndexOf('@'));
  const left = without.map(({ what }) => what);
  const isAttached = left.includes(TEXT);
  const name = isAttached ? own : plainText(user.name ?? own) || own;
  const body = isAttached ? `A firewall before Zendesk refused the text. It is in the file ${TEXT_FILE}.` : message;
  const details = [
    ...(isAttached ? [] : factsOf(context)),
    ...(left.length > 0 ? [`Zendesk refused, and this ticket is without: ${left.join(', ')}`] : []),
    ...(left.includes('requester') ? [`Written by: ${name}, ${user.email}`] : []),
  ];
  const unless = <T>(part: TicketPart, value: T) => (left.includes(part) ? undefined : value);
  return {
    external_id: id,
    subject: isAttached ? 'Feedback' : plainText(subject),
    comment: { body: details.length > 0 ? `${body}\n\n${details.join('\n')}` : body, uploads: filled(uploads) },
    requester: unless('requester', { name, email: user.email }),
    tags: unless('tags', filled([...new Set([...tags, ...(category ? [asTag(category)] : []), ...(data.tags ?? [])])])),
    priority: unless('priority', priority),
    type: unless('type', type),
    custom_fields: unless('customFields', filled(customFields)),
    metadata: filled(traceOf(row)),
  };
}

const factsOf = (context: NonNullable<Feedback['context']>): string[] =>
  Object.entries(context).map(([name, value]) => `${name}: ${value}`);

const TEXT_FILE = 'feedback.txt';

/** The user's words. In UTF-16 an editor shows them, and a firewall does not take them for a script. */
function textFileOf({ user: { name = '' }, subject, message, context = {} }: Feedback) {
  const text = [name, subject, message, factsOf(context).join('\n')].filter(Boolean).join('\n\n');
  const bytes = Buffer.from(`\uFEFF${text}`, 'utf16le');
  return { name: TEXT_FILE, contentType: 'text/plain; charset=utf-16', bytes };
}

const filled = <T extends object>(value: T): T | undefined => (Object.keys(value).length > 0 ? value : undefined);

/** Zendesk splits tags at white space. */
const asTag = (category: string): string => category.toLowerCase().replaceAll(/[^\p{L}\p{N}_/-]+/gu, '_');

/** Media types in which a browser runs nothing. Files of all others reach agents as downloads. */
const PASSIVE =
  /^(image\/(png|jpeg|gif|webp|avif|heic)|(audio|video)\/[\w.-]+|text\/(plain|csv)|application\/(json|pdf|zip))(;|$)/i;

/** Reads the job's files, each when it is asked for. A file that is missing, elsewhere or too large: a PermanentError. */
export function attachmentsOf(
  { objects, prefix, ours }: { objects: Objects; prefix: string; ours: boolean },
  { attachments = [] }: Feedback,
): (() => Promise<{ name: string; contentType: string; bytes: Uint8Array }>)[] {
  // Another program names uploads only: their keys are random. The producer checks all others.
  const home = (ours ? attachmentsPrefix : uploadsPrefix)(prefix, FEEDBACK_QUEUE);
  const refused = (index: number, code: string, rule: string) =>
    wrongField(code, `data.attachments.${index}.key`, rule);
  for (const [index, { key }] of attachments.entries())
    if (!key.startsWith(home)) throw refused(index, 'InvalidField', "must be under the attachments' prefix");
  return attachments.map(({ key, name = key, contentType = '' }, index) => async () => {
    const bytes = await objects.get(key, { mostBytes: MAX_ATTACHMENT_BYTES }).catch((error: unknown) => {
      if (error instanceof StoreError && error.code === TOO_LARGE)
        throw refused(index, 'AttachmentTooLarge', `must be at most ${MAX_ATTACHMENT_BYTES} bytes`);
      throw error;
    });
    if (!bytes) throw refused(index, 'AttachmentMissing', 'there is no such object');
    const type = PASSIVE.test(contentType) ? contentType : 'application/octet-stream';
    return { name: plainText(name.split(/[\\/]/).at(-1) ?? '') || 'file', contentType: type, bytes };
  });
}

interface ConfirmationConfig extends OwnMails {
  /** Templates by language tag in lower case. Without an entry for the user's language, `templateId` counts. */
  templates?: ReadonlyMap<string, string>;
}

/**
 * The mail that confirms a user's feedback. Without a user id, anyone may have written it under this address. Then the
 * mail repeats neither name nor subject, so that it carries no stranger's words in our name.
 */
export function confirmationOf(job: FeedbackJob, ticketId: string, config: ConfirmationConfig): Mail {
  const { user, locale, ...data } = job.data;
  const { from, brand } = config;
  const known = user.id !== undefined;
  const name = known && user.name !== undefined ? plainText(user.name) : undefined;
  const subject = known ? plainText(data.subject) : undefined;
  return ownMail({ from, templateId: templateFor(locale, config) }, job, {
    queue: FEEDBACK_QUEUE,
    step: CONFIRMATION,
    to: { email: user.email, name },
    words: { name: name ?? '', subject: subject ?? '', ticketId, brand },
    subject: subject === undefined ? 'We have received your feedback' : `We have received your feedback: ${subject}`,
    text: [
      `Thank you for your feedback. ${brand} has received it under the number ${ticketId}.`,
      subject === undefined ? undefined : `Your subject: ${subject}`,
    ],
  });
}

/** The template of the user's language: the most exact tag that has one, as RFC 4647 ("Lookup") demands. */
function templateFor(locale: string | undefined, config: Pick<ConfirmationConfig, 'templateId' | 'templates'>) {
  for (const parts = locale?.toLowerCase().split('-') ?? []; parts.length > 0; parts.pop()) {
    const template = config.templates?.get(parts.join('-'));
    if (template !== undefined) return template;
  }
  return config.templateId;
}

const HOUR_MS = 60 * 60_000;
/** A user whom the API knows has given an own address. Anyone can give any other one. */
const MOST_AN_HOUR = { known: 10, unknown: 3 };

/** The jobs that mailed one address in the last hour, with the times of their first tries, ms. */
const mailed = renewable({ jobs: z.record(z.string(), time) }, { jobs: {} });

/**
 * Tells whether the confirmation of a job may be sent: few jobs an hour mail one address. A repeat of a job gets the same
 * answer. Keys show no address.
 */
export function mailLimit(deps: ItemDeps & { hashPeople: HashPeople }) {
  return async ({ id, email, isKnown }: { id: string; email: string; isKnown: boolean }): Promise<boolean> => {
    const most = isKnown ? MOST_AN_HOUR.known : MOST_AN_HOUR.unknown;
    const [written, ...earlier] = (await deps.hashPeople())(`mailed:${mailboxOf(email)}`);
    const before = await Promise.all(earlier.map((hash) => mailed.read(deps, keyOf(hash))));
    const mailedBefore = before.flatMap((stored) => Object.entries(stored?.jobs ?? {}));
    if (mailedBefore.some(([job]) => job === id)) return true;
    const key = keyOf(written);
    const count = (stored: Stored<typeof mailed> | undefined) => {
      const now = deps.clock.now();
      const isRecent = ([, at]: [string, number]) => at > now - HOUR_MS;
      const recent = Object.entries(stored?.jobs ?? {}).filter(isRecent);
      const mails = recent.length + mailedBefore.filter(isRecent).length;
      if (mails >= most || recent.some(([job]) => job === id)) return undefined;
      const jobs = { ...Object.fromEntries(recent), [id]: now };
      return { ...(stored ?? { key, version: 0, writer: '' }), jobs, expiresAt: Math.ceil((now + 2 * HOUR_MS) / 1000) };
    };
    const { item } = await mailed.update(deps, key, count, 'none');
    return item !== undefined && Object.hasOwn(item.jobs, id);
  };
}

const keyOf = (hash: string): string => personKey(FEEDBACK_QUEUE, hash);
