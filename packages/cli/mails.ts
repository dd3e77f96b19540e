import { dirname, join } from 'node:path';
import { submit } from '../../lib/engine/submit/submit';
import { SUPPRESSION_REASONS } from '../../lib/mail/suppression';
import {
  type CampaignDecision,
  campaignMail,
  csvValue,
  decideCampaign,
  failedAsCsv,
  findCampaign,
  listCampaigns,
  type Progress,
  progressOf,
  recipientsByOutcome,
  statusOf,
  waitsOf,
} from '../../lib/operate/ops/campaigns';
import { OperatorError, type Reader } from '../../lib/operate/ops/operator';
import { counted, emailAddress, isoTimes, timeText } from '../../lib/platform/text';
import type { Campaign } from '../../lib/queues/emails/campaigns/campaign';
import { REPORT_KINDS } from '../../lib/queues/emails/events/webhook';
import type { CampaignInput } from '../../lib/queues/emails/message';
import type { Read } from '../../lib/queues/emails/recipients';
import { type CampaignReport, campaignReport } from '../../lib/queues/emails/report';
import { kinds } from '../../lib/queues/kinds';
import type { CampaignPreview, RecipientSource } from '../producer/campaign';
import {
  bytesOf,
  type Command,
  type CommandContext,
  count,
  day,
  JSON_OUTPUT,
  type Option,
  oneOf,
  readCsv,
  readJson,
  required,
  text,
} from './command';
import { type Output, tableText } from './terminal';

const ID: Option = { usage: 'Id of the campaign', type: 'string', required: true };
const NUMBER: Option = { usage: 'Number of the recipient, counted from 1. Default: 1', type: 'string' };
const CAMPAIGN: Option = { ...ID, usage: 'Id of an accepted campaign, or the name of a JSON file with a draft' };
const isId = (text: string): boolean => /^[0-9a-f-]{36}$/.test(text);
const EMAIL: Option = { usage: 'Address', type: 'string' };

const deciding = (decision: CampaignDecision, usage: string) =>
  ({
    usage,
    writes: true,
    options: { id: ID },
    run: async ({ options, out, connect, audited }) => {
      const id = required(options, 'id');
      out.line(`campaign ${await decideCampaign(await connect(), id, decision, audited)}`);
    },
  }) satisfies Command;

export const mails = {
  'campaign list': {
    usage: 'List the campaigns that have not ended, or all of a day',
    options: {
      day: { usage: 'Day (UTC) of acceptance, like 2026-01-02', type: 'string' },
      json: JSON_OUTPUT,
      csv: { usage: 'Print them with the figures of each, as CSV', type: 'boolean' },
    },
    run: async ({ options, out, answer, connect }) => {
      const at = day(options, 'day');
      const deps = await connect();
      const { campaigns: listed, damaged, more } = await listCampaigns(deps, at);
      const rows = listed.map((one) => figuresOf(one, deps.clock.now()));
      if (options.csv) for (const line of [FIGURES, ...rows]) out.line(line.map(csvValue).join(','));
      if (options.csv) return;
      const waits = await waitsOf(deps);
      const views = listed.map((one) => ({ ...campaignView(one), waits: waits(one) }));
      answer({ campaigns: views, more }, campaignLines(listed, waits));
      if (more) out.note('There are more: name a --day.');
      if (damaged > 0)
        out.note(`${counted(damaged, 'more campaign is', 'more campaigns are')} damaged: see sls health.`);
    },
  },

  'campaign report': {
    usage: 'Count the recipients of a campaign by outcome',
    reads: true,
    options: {
      id: ID,
      json: JSON_OUTPUT,
      watch: { usage: 'Show its progress until it ends, pauses or you press Ctrl-C', type: 'boolean' },
      failed: { usage: 'Print the recipients who were refused, suppressed or bounced, as CSV', type: 'boolean' },
    },
    run: async ({ options, out, answer, connect, audited, sls }) => {
      const deps = await connect();
      const id = required(options, 'id');
      const campaign = options.watch ? await watched(deps, id, out) : await findCampaign(deps, id);
      if (options.failed === true) {
        await audited();
        return failedAsCsv(deps, campaign, out.line);
      }
      const waits = (await waitsOf(deps))(campaign);
      const report = { ...(await campaignReport(deps, campaign)), ...progressOf(campaign, deps.clock.now()) };
      answer(isoTimes({ ...report, waits }), reportLines({ ...report, reason: report.reason ?? waits }, sls));
    },
  },

  'campaign preview': {
    usage: 'Show the mail of one recipient of a campaign, or of a draft in a file. Sends nothing',
    reads: true,
    options: { id: CAMPAIGN, recipient: NUMBER, json: JSON_OUTPUT },
    run: async (context) => {
      const mail = await mailOf(context);
      context.answer({ ...mail.preview, ...mail.counts }, mailLines(mail));
    },
  },

  'campaign test': {
    usage: 'Send the mail of one recipient of a campaign, or of a draft in a file, to an address',
    writes: true,
    options: { id: CAMPAIGN, to: { ...EMAIL, required: true }, recipient: NUMBER },
    run: async (context) => {
      const { options, out, connect, audited, sls } = context;
      const { data: email } = emailAddress.safeParse(required(options, 'to'));
      if (email === undefined) throw new OperatorError('--to must be an address.');
      const { content, preview, number } = await mailOf(context);
      const { name, data } = preview.recipient;
      const deps = await connect();
      const producer = { ...deps, source: `/operator/${await audited()}` };
      const mail = { ...content, to: { email, name }, data };
      const { id } = await submit(producer, await kinds.email(mail, {}, producer));
      out.line(`Sent as job ${id}. Its links are those of recipient ${number}.`);
      out.note(`See its outcome: ${sls(`jobs show ${id}`)}`);
    },
  },

  'campaign pause': deciding('pause', 'Hold what a campaign has not sent to SendGrid yet'),
  'campaign resume': deciding('resume', 'Continue a paused campaign'),
  'campaign cancel': deciding('cancel', 'Stop a campaign for good, and say how many mails under way still go out'),

  'suppress add': {
    usage: 'Add an address, or those of a CSV file, to the list of addresses that get no mail. Safe to repeat',
    writes: true,
    options: {
      email: EMAIL,
      file: { usage: 'CSV file. Its header names email; other columns do not count', type: 'string' },
      as: { usage: `Why: ${SUPPRESSION_REASONS.join(', ')}. Default: unsubscribed`, type: 'string' },
    },
    run: async (context) => {
      const { options, out, audited } = context;
      const as = oneOf({ ...options, as: options.as ?? 'unsubscribed' }, 'as', SUPPRESSION_REASONS);
      const file = text(options, 'file');
      const email = text(options, 'email');
      if ((file === undefined) === (email === undefined)) throw new OperatorError('Give --email or --file.');
      const reads = file === undefined ? [{ line: 1, value: { email } }] : await readCsv(file);
      const rows = reads.map((read) => ({ line: read.line, email: addressOf(read) }));
      const people = rows.flatMap(({ email }) => (email === undefined ? [] : [{ email, reason: as }]));
      const wrong = rows.filter(({ email }) => email === undefined);
      const list = await listOf(context);
      await audited();
      const grown = await list.add(people);
      const before = people.length - grown;
      out.line(
        `${grown} added, ${before} listed before. The list has ${counted(await list.size(), 'address', 'addresses')}.`,
      );
      for (const { line } of wrong) out.note(`line ${line}: must have a valid address`);
      if (wrong.length > 0) throw new OperatorError(`${counted(wrong.length, 'line')} not added.`);
    },
  },

  'suppress show': {
    usage: 'Say why an address gets no mail',
    reads: true,
    options: { email: { ...EMAIL, required: true } },
    run: async (context) => {
      const list = await listOf(context);
      await context.audited();
      const reason = await list.because(await context.connect(), required(context.options, 'email'));
      context.out.line(reason ? `The address gets no mail of campaigns: ${reason}.` : 'The address is not listed.');
    },
  },

  'suppress remove': {
    usage: 'Remove an address from the list, so that it gets mail again',
    writes: true,
    options: { email: { ...EMAIL, required: true } },
    run: async (context) => {
      const list = await listOf(context);
      await context.audited();
      const removed = (await list.remove(required(context.options, 'email'))) < 0;
      context.out.line(removed ? 'The address was removed.' : 'The address was not listed.');
    },
  },
} satisfies Record<string, Command>;

async function mailOf({ options, connect, audited }: CommandContext) {
  const id = required(options, 'id');
  const number = count(options, 'recipient', { otherwise: 1 });
  if (!isId(id)) return { number, ...(await draftOf(id, number)) };
  return { number, counts: undefined, ...(await campaignMail(await connect(), id, number, audited)) };
}

/** A file of what `producer.campaign` takes: the campaign, and as `recipients` a list or the name of a CSV or NDJSON file. */
async function draftOf(file: string, number: number) {
  const { recipients: list, ...campaign } = Object(await readJson(file)) as CampaignInput & { recipients: unknown };
  const bytes = typeof list === 'string' ? await bytesOf(join(dirname(file), list)) : undefined;
  const source = bytes ? { [String(list).endsWith('.csv') ? 'csv' : 'ndjson']: bytes } : list;
  const { createTestProducer } = require('../producer/testing') as typeof import('../producer/testing');
  const { previewCampaign } = createTestProducer();
  const { mails, ...counts } = await previewCampaign(campaign, source as RecipientSource, { numbers: [number] });
  const { name: _name, sendAt: _sendAt, transactional: _transactional, ...content } = campaign;
  return { content, preview: mails[0] as CampaignPreview['mails'][number], recipients: counts.recipients, counts };
}

function mailLines({ number, preview, recipients, counts }: Awaited<ReturnType<typeof mailOf>>): string[] {
  const { recipient, note, subject, unsubscribe, text, html, data } = preview;
  const refused = counts
    ? ` Of ${counts.requested} lines, ${counts.rejected} would be rejected and ${counts.duplicates} are there twice.`
    : '';
  return [
    `Recipient ${number} of ${recipients}: ${recipient.email}.${refused}`,
    ...(note ? [note] : []),
    ...(subject ? [`Subject: ${subject}`] : []),
    ...(unsubscribe ? [`Unsubscribe: ${unsubscribe}`] : []),
    ...[text, html, data && JSON.stringify(data, null, 2)].flatMap((body) => (body ? ['', ...body.split('\n')] : [])),
  ];
}

const WATCH_MS = 2_000;
const BAR = 10;

async function watched(deps: Reader, id: string, out: Output): Promise<Campaign> {
  const stop = out.interrupted();
  for (;;) {
    const campaign = await findCampaign(deps, id);
    if (campaign.status !== 'running' || stop.aborted) {
      out.progress(1, 1);
      return campaign;
    }
    out.progress(0, 1, progressText(campaign, progressOf(campaign, deps.clock.now())));
    await deps.clock.sleep(WATCH_MS);
  }
}

function progressText({ recipients }: Campaign, progress: Progress): string {
  const { sent, delivered, deferred, bounced, reported } = progress;
  const counts = Object.entries({ delivered, deferred, bounced, reported }).filter(([, count]) => count > 0);
  const full = Math.floor((sent / recipients) * BAR);
  const bar = `[${'#'.repeat(full)}${'.'.repeat(BAR - full)}]`;
  // It should fit into 80 columns.
  const reports = counts.map((count) => count.join(' '));
  return [`${bar} ${sent} of ${recipients}`, ...rateText(progress), ...reports].join(', ');
}

const rateText = ({ perSecond, endsAt }: Progress): string[] =>
  endsAt === undefined ? [] : [`${perSecond}/s`, `ends ${timeText(endsAt).slice(11)}`];
const FIGURES = ['id', 'name', 'status', 'recipients', 'sent', ...REPORT_KINDS];

function figuresOf(campaign: Campaign, now: number): string[] {
  const figures: Record<string, unknown> = { ...campaign, ...progressOf(campaign, now) };
  return FIGURES.map((name) => String(figures[name] ?? ''));
}

const isoText = (time: number | undefined): string | undefined =>
  time === undefined ? undefined : new Date(time).toISOString();

const campaignView = ({ id, name, status, reason, recipients, ...campaign }: Campaign) => ({
  id,
  name,
  status,
  reason,
  recipients,
  chunks: { all: campaign.chunks, released: campaign.released },
  accepted: isoText(campaign.time),
  starts: isoText(campaign.startsAt),
  ended: isoText(campaign.endedAt),
  history: campaign.history.map(({ at, ...entry }) => ({ at: isoText(at), ...entry })),
});

function campaignLines(campaigns: readonly Campaign[], waits: (campaign: Campaign) => string | undefined): string[] {
  if (campaigns.length === 0) return ['No campaigns.'];
  const cells = campaigns.map((campaign) => [
    campaign.id,
    campaign.name ?? '',
    statusOf({ ...campaign, reason: campaign.reason ?? waits(campaign) }),
    String(campaign.recipients),
    `${campaign.released} of ${campaign.chunks} chunks`,
    timeText(campaign.time),
    campaign.startsAt > campaign.time ? timeText(campaign.startsAt) : '',
    timeText(campaign.endedAt),
  ]);
  return tableText(['ID', 'NAME', 'STATUS', 'RECIPIENTS', 'RELEASED', 'ACCEPTED (UTC)', 'STARTS', 'ENDED'], cells);
}

const MOST_IDS = 10;

function reportLines(report: CampaignReport & Progress, sls: (text: string) => string): string[] {
  const { campaign, name, status, why, requested, rejected, duplicates, recipients, chunks, jobs, events } = report;
  return [
    `campaign ${campaign}: ${statusOf(report)}${name === undefined ? '' : `, ${name}`}`,
    ...(why === undefined ? [] : [`  ${why}`]),
    ...(status === 'paused' ? [`  Go on: ${sls(`campaign resume ${campaign}`)}`] : []),
    ...counts(Object.entries({ requested, rejected, duplicates, recipients })),
    '',
    ...counts(Object.entries(recipientsByOutcome(report))),
    `  ${[`${chunks.released} of ${chunks.all} chunks released`, ...rateText(report)].join(', ')}`,
    ...section('Suppressed because', counts(Object.entries(report.suppressedBy))),
    ...section('Mails by what SendGrid reported', counts(Object.entries(report.figures))),
    ...section('Its events', counts(Object.entries(events))),
    ...section(
      `Outcome unknown. Say whether it took effect (done) or not (skipped): ${sls('jobs settle ID --step send --as ANSWER')}`,
      ids(jobs.unknown),
    ),
    ...section(
      `Refused. See why: ${sls('jobs show ID')}. Once it is fixed: ${sls('jobs retry ID')}`,
      ids(jobs.refused),
    ),
  ];
}

function counts(rows: [string, number][]): string[] {
  const names = Math.max(...rows.map(([name]) => name.length));
  const digits = Math.max(...rows.map(([, count]) => String(count).length));
  return rows.map(([name, count]) => `  ${name.padEnd(names)}  ${String(count).padStart(digits)}`);
}

const ids = (all: readonly string[]): string[] => [
  ...all.slice(0, MOST_IDS).map((id) => `  ${id}`),
  ...(all.length > MOST_IDS ? [`  and ${all.length - MOST_IDS} more: --json has them all`] : []),
];

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ['', title, ...lines];

async function listOf({ connect }: CommandContext) {
  const { suppression } = await connect();
  if (!suppression) throw new OperatorError('This instance has no queue emails, so it has no suppression list.');
  return suppression;
}

const addressOf = (read: Read): string | undefined =>
  emailAddress.safeParse('value' in read && (read.value as { email: unknown }).email).data;
