import * as z from 'zod';
import { sha256 } from '../../../engine/jobs/envelope';
import { count, type ItemDeps, renewable, type Stored, writeItem } from '../../../engine/jobs/items';
import { eventsPartition, evidenceKey, jobKey, todoKey } from '../../../engine/jobs/keys';
import type { Ledger } from '../../../engine/jobs/ledger';
import type { Evidence } from '../../../engine/jobs/row';
import { UnreadableRowError } from '../../../engine/jobs/row-schema';
import { ROW_LIFETIME_MS } from '../../../engine/jobs/schedule';
import type { SuppressionList } from '../../../mail/suppression';
import { mapEach } from '../../../platform/concurrency';
import { codeOf } from '../../../platform/errors';
import { groupBy } from '../../../platform/group-by';
import type { Item, Log, Metrics, Objects } from '../../../platform/ports';
import { jsonOf } from '../../../platform/text';
import { EMAILS_QUEUE, SEND } from '../queue';
import type { Verdict, WebhookRequest } from './verify';

/**
 * An item for what events say. This function faces the internet and may write no row, so the reconciler writes evidence
 * into the row (lib/engine/reconcile/ends.ts) and counts reports (campaigns/guard.ts).
 */
const eventItem = <T>(
  { queue, step, id, at }: { queue: string; step: string; id: string; at: number },
  kind: 'evidence' | 'reports',
  fields: T,
): Item & T => ({
  key: evidenceKey(queue, step, id),
  version: 0,
  writer: '',
  ...fields,
  todo: todoKey(queue, kind),
  todoAt: at,
  expiresAt: Math.ceil((at + ROW_LIFETIME_MS) / 1000),
});
export const evidenceItem = (of: { queue: string; step: string; id: string }, evidence: Evidence): Item =>
  eventItem({ ...of, at: evidence.at }, 'evidence', { evidence });

export const REPORT_KINDS = [
  ...(['delivered', 'deferred', 'bounced', 'blocked', 'dropped', 'reported', 'unsubscribed'] as const),
] as const;
export type ReportKind = (typeof REPORT_KINDS)[number];
export const ofKinds = <T>(part: (kind: ReportKind) => T) =>
  Object.fromEntries(REPORT_KINDS.map((kind) => [kind, part(kind)])) as Record<ReportKind, T>;

/** What each event but `processed` says about its mail. Who opens it or subscribes again has the mail. */
const REPORTS: Record<string, ReportKind> = {
  ...{ delivered: 'delivered', open: 'delivered', click: 'delivered', group_resubscribe: 'delivered' },
  ...{ deferred: 'deferred', bounce: 'bounced', blocked: 'blocked', dropped: 'dropped', spamreport: 'reported' },
  ...{ unsubscribe: 'unsubscribed', group_unsubscribe: 'unsubscribed' },
};

/** Whom a request of SendGrid was about, of one campaign and round, until the reconciler has counted them. */
export const eventNotes = renewable(
  {
    campaign: z.string(),
    round: count,
    /** Recipients by their number in the campaign. */
    places: z.object(ofKinds(() => z.array(count).optional())),
  },
  { campaign: '', round: 0, places: {} },
);
export type EventNote = Stored<typeof eventNotes>;

/** What an event says about its address. With a group, about mails of that group. */
const NOTED: Record<string, 'bounced' | 'reported' | 'unsubscribed' | 'resubscribed'> = {
  ...{ bounce: 'bounced', spamreport: 'reported' },
  ...{ unsubscribe: 'unsubscribed', group_unsubscribe: 'unsubscribed', group_resubscribe: 'resubscribed' },
};

export interface EventDeps extends ItemDeps {
  /** By queue: the step that sends its mails. */
  mailSteps: Readonly<Record<string, string>>;
  objects: Pick<Objects, 'put'>;
  ledger: Pick<Ledger, 'get'>;
  prefix: string;
  instance: string;
  log: Log;
  metrics: Metrics;
  /** Without it, the instance has no suppression list. */
  suppression?: Pick<SuppressionList, 'note'> | undefined;
}

/**
 * Answers requests to the webhook. SendGrid repeats one for a day if the status is not 2xx. A refused request is not
 * logged, because anyone may call the URL. Lambda counts it (Url4xxCount).
 */
export const eventWebhook =
  (deps: EventDeps & { verify: (request: WebhookRequest) => Verdict }) =>
  async (request: WebhookRequest): Promise<{ statusCode: number }> => {
    const verdict = deps.verify(request);
    if (!('body' in verdict)) return { statusCode: verdict.status };
    const events = jsonOf(verdict.body.toString('utf8'));
    if (!Array.isArray(events)) return { statusCode: 400 };
    try {
      await takeEvents(deps, events);
      return { statusCode: 204 };
    } catch (error) {
      deps.log.error('events could not be stored', { code: codeOf(error) }, error);
      return { statusCode: 503 };
    }
  };

/** The folder of a campaign's events. Mails without a campaign share one. Query engines see it as a partition. */
export const eventFolder = (
  prefix: string,
  { queue, time, campaign }: { queue: string; time: number; campaign?: string | undefined },
): string => `${eventsPartition(prefix, queue, time)}campaign=${campaign ?? 'none'}/`;

const AT_ONCE = 10;

/**
 * Stores the events about our mails in the bucket under a name that follows from their content, then as evidence about
 * the steps of their jobs. A repeat is harmless. Events of other instances are ignored.
 */
export async function takeEvents(deps: EventDeps, events: readonly unknown[]): Promise<void> {
  const own = events.flatMap((event) => parseEvent(event, deps) ?? []);
  const unique = [...new Map(own.map((event) => [eventKey(event.stored), event])).values()];
  const folders = groupBy(unique, ({ stored, ...mail }) =>
    eventFolder(deps.prefix, { ...mail, campaign: stored.campaign }),
  );
  for (const [folder, group] of folders) {
    const body = `${group.map(({ stored }) => JSON.stringify(stored)).join('\n')}\n`;
    await deps.objects.put(`${folder}${sha256(body)}.ndjson`, body, 'application/x-ndjson');
  }
  await note(deps, unique);
  await mapEach(unique, AT_ONCE, (event) => noteAddress(deps, event));
  const jobs = groupBy(unique, ({ queue, stored: { job } }) => jobKey(queue, job));
  await mapEach([...jobs.values()], AT_ONCE, async ([first]) => first && witness(deps, first));
  for (const [queue, all] of groupBy(own, (event) => event.queue)) {
    deps.metrics.add('EmailEvents', all.length, 'Count', {});
    // The dashboard sums these lines (resources/dashboard.ts).
    const kinds = groupBy(all, ({ stored }) => kindOfEvent(stored));
    const counts = Object.fromEntries([...kinds].map(([kind, of]) => [kind, of.length]));
    deps.log.info('events stored', { ...counts, queue, count: all.length });
  }
}

/** One item for each campaign and round. Its key follows from its content, so a repeat writes nothing new. */
async function note(deps: EventDeps, events: readonly MailEvent[]): Promise<void> {
  const now = deps.clock.now();
  const found = events.flatMap(({ first, round, stored }) => {
    const { campaign, recipient } = stored;
    const kind = REPORTS[kindOfEvent(stored)];
    return campaign && kind && first !== undefined ? [{ campaign, round, kind, place: first + recipient }] : [];
  });
  for (const group of groupBy(found, ({ campaign, round }) => `${campaign} ${round}`).values()) {
    const [{ campaign, round } = { campaign: '', round: 0 }] = group;
    const kinds = [...groupBy(group, ({ kind }) => kind)];
    const places = Object.fromEntries(kinds.map(([kind, of]) => [kind, of.map(({ place }) => place)]));
    const id = sha256(JSON.stringify([campaign, round, places]));
    const item: EventNote = eventItem({ queue: EMAILS_QUEUE, step: SEND, id, at: now }, 'reports', {
      campaign,
      round,
      places,
    });
    await writeItem(deps, item, 0);
  }
}

/** Notes whom no campaign may mail again, or who may be mailed again. */
async function noteAddress(deps: EventDeps, { stored, email, group }: MailEvent): Promise<void> {
  const kind = kindOfEvent(stored);
  const reason = NOTED[kind];
  if (!reason || !email) return;
  const of = kind.startsWith('group_') ? group : undefined;
  await deps.suppression?.note(deps, { email, group: of, reason, at: stored.timestamp * 1000 });
}

/** Stores once that SendGrid has a job's request, if no answer of SendGrid says so. */
async function witness(deps: EventDeps, { queue, step, stored }: MailEvent): Promise<void> {
  const { job, event, messageId } = stored;
  if (!(await needsEvidence(deps, { queue, step, job }))) return;
  // The id of each mail begins with the id of its request, `x-message-id`.
  const [requestId] = messageId.split('.');
  const evidence = { at: deps.clock.now(), event, ...(requestId ? { messageId: requestId } : {}) };
  await writeItem(deps, evidenceItem({ queue, step, id: job }, evidence), 0);
}

async function needsEvidence(
  { ledger }: EventDeps,
  { queue, step, job }: { queue: string; step: string; job: string },
): Promise<boolean> {
  try {
    const row = await ledger.get(jobKey(queue, job));
    return row !== undefined && row.evidence?.[step] === undefined && row.steps[step]?.status !== 'done';
  } catch (error) {
    // The evidence waits until the row can be read again. SendGrid must not repeat the request until then.
    if (error instanceof UnreadableRowError) return true;
    throw error;
  }
}

const form = (pattern: RegExp) => z.string().regex(pattern);
const digits = form(/^\d{1,15}$/).transform(Number);
const optionalForm = (pattern: RegExp) => form(pattern).optional().catch(undefined);
/** No mail of this service is older than 2020. A later time than a day ahead is no clock's fault. */
const FIRST_MS = Date.UTC(2020, 0);
const DAY_MS = 24 * 60 * 60_000;

/** https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event#dropped-event */
const DROP_REASONS = [
  ...(['Bounced Address', 'Unsubscribed Address', 'Spam Reporting Address', 'Invalid', 'Spam Content'] as const),
  ...(['Invalid SMTPAPI header', 'Recipient List over Package Quota'] as const),
] as const;

/** An event about a mail of this code, of any instance. SendGrid repeats our ids. Other fields may be personal. */
const mailEvent = z.object({
  email: z.string().max(254).optional().catch(undefined),
  asm_group_id: z.int().positive().optional().catch(undefined),
  event: form(/^[a-z_]{1,40}$/),
  /** Seconds since 1970. */
  timestamp: z.int().nonnegative(),
  sg_message_id: z.string().max(300).default(''),
  instance: z.string().max(64).optional(),
  queue: z.string(),
  step: z.string(),
  job: z.uuid(),
  time: digits,
  /** The recipient's number in its chunk. Other mails have one recipient. */
  recipient: digits.default(0),
  campaign: z.uuid().optional(),
  /** The number of the campaign's recipients before those of the chunk. */
  first: digits.optional(),
  /** How often the campaign had been resumed when the mail was sent. */
  round: digits.default(0),
  /** `bounce` or `blocked`, and the mail server's code. */
  type: optionalForm(/^[a-z]{1,20}$/),
  status: optionalForm(/^\d(\.\d{1,3}){0,2}$/),
  /** Why SendGrid dropped the mail. Any other reason is a mail server's text. */
  reason: z.enum(DROP_REASONS).optional().catch(undefined),
});

type Parsed = z.infer<typeof mailEvent>;

/** A stored event. It has no address: the manifest has the address under the recipient's number. */
export type StoredEvent = Omit<Parsed, 'instance' | 'sg_message_id' | 'email' | 'asm_group_id' | keyof Origin> & {
  messageId: string;
};

/** The queue, the step and the time (ms) of the job that sent the mail, and the mail's place. */
type Origin = Pick<Parsed, 'queue' | 'step' | 'time' | 'first' | 'round'>;
type MailEvent = Origin & { stored: StoredEvent; email: string | undefined; group: number | undefined };

/** Removes everything personal from what is stored. `undefined` if this instance sent no such mail, or no job can have its time. */
export function parseEvent(
  input: unknown,
  of: Pick<EventDeps, 'instance' | 'mailSteps' | 'clock'>,
): MailEvent | undefined {
  const parsed = mailEvent.safeParse(input);
  if (!parsed.success) return undefined;
  const { instance, queue, step, time, sg_message_id: messageId, first, round, ...rest } = parsed.data;
  const { email, asm_group_id: group, ...stored } = rest;
  if (instance !== of.instance || step !== of.mailSteps[queue]) return undefined;
  if (time < FIRST_MS || time > of.clock.now() + DAY_MS) return undefined;
  return { queue, step, time, first, round, email, group, stored: { ...stored, messageId } };
}

/** SendGrid's name of an event. It calls a block, a refusal of the sender and not of the address, a bounce `blocked`. */
export const kindOfEvent = ({ event, type }: StoredEvent): string => (type === 'blocked' ? 'blocked' : event);

/** SendGrid repeats events: two with the same key are one. Recipients of one request may share the vendor's id. */
export const eventKey = ({ messageId, event, timestamp, job, recipient }: StoredEvent): string =>
  `${messageId} ${event} ${timestamp} ${job} ${recipient}`;
