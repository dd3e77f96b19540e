import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import * as z from 'zod';
import { analyticsReader } from '../../lib/operate/ops/analytics';
import {
  campaignMail,
  failedAsCsv,
  findCampaign,
  listCampaigns,
  progressOf,
  recipientsByOutcome,
  statusOf,
  waitsOf,
} from '../../lib/operate/ops/campaigns';
import { health, type Problem, problemsOf } from '../../lib/operate/ops/health';
import type { Deployment } from '../../lib/operate/ops/operator';
import { overview } from '../../lib/operate/ops/overview';
import { isProduction, slsCommand } from '../../lib/platform/target';
import type { Campaign } from '../../lib/queues/emails/campaigns/campaign';
import { campaignReport } from '../../lib/queues/emails/report';
import { vendorsOf } from '../../lib/queues/queues';
import { act, previewAction } from './actions';
import { audited, type ConsoleDeps } from './deps';
import { type Env, ownPage, refuse } from './guard';
import { deadLetters, foundJobs, jobCounts, jobData, jobPageOf, querySchema } from './jobs';
import { personFound, personSchema } from './people';

const MOST_BYTES = 2 * 1024 * 1024;

const none = z.object({});
const job = z.object({ queue: z.string(), id: z.string() });
const action = z.object({ action: z.string(), input: z.unknown(), reason: z.string().max(500).default('') });

/** What the page asks for and does. The guard checks each call. */
export function consoleApi(deps: ConsoleDeps): Hono<Env> {
  const api = new Hono<Env>();
  api.use(ownPage(deps.token));
  const onError = (context: Context) => refuse(context, 413, 'The request is too large.');
  api.post('*', bodyLimit({ maxSize: MOST_BYTES, onError }));

  /** A GET takes the parameters of the address, of which an empty one counts as none. A POST takes its body. */
  function answers<T>(
    method: 'get' | 'post',
    path: string,
    schema: z.ZodType<T>,
    answer: (asked: T, signal: AbortSignal) => unknown,
  ): void {
    api[method](path, async (context) => {
      const { req } = context;
      const query = Object.entries(req.query()).filter(([, value]) => value !== '');
      const given = method === 'get' ? Object.fromEntries(query) : await req.json().catch(() => undefined);
      return context.json((await answer(schema.parse(given), req.raw.signal)) ?? {});
    });
  }

  answers('get', '/session', none, () => sessionOf(deps));
  answers('get', '/overview', none, () => figuresOf(deps));
  answers('get', '/health', none, async () => said(deps, await health(deps.deployment)));
  answers('get', '/counts', z.object({ queue: z.string().optional() }), ({ queue }) => jobCounts(deps, queue));
  answers('get', '/jobs', querySchema, (query, signal) => foundJobs(deps, query, signal));
  answers('get', '/job', job.partial({ queue: true }), (asked) => jobPageOf(deps, asked));
  answers('get', '/data', job, (asked) => jobData(deps, asked, { unmask: false }));
  answers('post', '/reveal', job, (asked) => jobData(deps, asked, { unmask: true }));
  answers('get', '/dead', job.partial(), ({ queue }) => deadLetters(deps, queue));
  const campaigns = z.object({ day: z.iso.date().optional(), open: z.literal('yes').optional() });
  answers('get', '/campaigns', campaigns, (asked) => campaignList(deps, asked));
  answers('get', '/campaign', z.object({ id: z.string() }), ({ id }) => campaignPage(deps, id));
  answers('post', '/failed', z.object({ id: z.string() }), ({ id }) => failedCsv(deps, id));
  const mail = z.strictObject({ id: z.string(), number: z.int() });
  answers('post', '/mail', mail, (asked) => recipientsMail(deps, asked));
  const analytics = analyticsReader(deps.deployment, 60);
  answers('get', '/analytics', none, () => analytics());
  const person = personSchema.safeExtend({ scan: z.boolean() });
  answers('post', '/person', person, ({ scan, ...of }, signal) => personFound(deps, of, { scan }, signal));
  answers('post', '/preview', action, (asked) => previewAction(deps, asked.action, asked.input));
  answers('post', '/act', action, async (asked, signal) => ({ done: await act(deps, asked, signal) }));

  const { local } = deps;
  if (local) {
    answers('get', '/local', none, () => local.page());
    const breaks = z.object({ vendor: z.string(), how: z.string().optional() });
    answers('post', '/local/break', breaks, ({ vendor, how }) => local.break(vendor, how));
  }

  api.notFound((context) => refuse(context, 404, 'There is no such path.'));
  return api;
}

export type Session = ReturnType<typeof sessionOf>;

/** What the page must know before it shows anything. `production`: a red frame, and a reason for each action. */
const sessionOf = ({ target, write, deployment }: ConsoleDeps) => ({
  ...target,
  production: isProduction(target),
  local: target.stage === 'local',
  write,
  queues: deployment.queueNames,
  vendors: vendorsOf(deployment.queueNames),
  tickets: deployment.tickets,
});

export type Figures = Awaited<ReturnType<typeof figuresOf>>;

/** The figures of the instance, and what `sls health` says about them. */
async function figuresOf({ deployment, target }: ConsoleDeps) {
  const figures = await overview(deployment, { levels: true });
  return { ...figures, ...said({ target }, await problemsOf(deployment, figures)) };
}

/** Problems with their commands, complete for people to copy. */
function said({ target }: Pick<ConsoleDeps, 'target'>, { problems, notes }: Record<'problems' | 'notes', Problem[]>) {
  // On this machine the reconciler has not run yet during the first minute.
  const isNew = ({ kind, since }: Problem) =>
    target.stage === 'local' && kind === 'reconciler-missing' && since === undefined;
  const complete = (one: Problem) => ({ ...one, next: slsCommand(one.next, target) });
  return { problems: problems.filter((one) => !isNew(one)).map(complete), notes: notes.map(complete) };
}

export type Campaigns = Awaited<ReturnType<typeof campaignList>>;
export type CampaignPage = Awaited<ReturnType<typeof campaignPage>>;

const DAYS = 30;
const DAY_MS = 86_400_000;

/** Campaigns of the last thirty days and those that have not ended, only the latter (`open`), or those of a UTC day. */
async function campaignList(
  { deployment }: ConsoleDeps,
  { day, open }: { day?: string | undefined; open?: 'yes' | undefined },
) {
  const recent = () => listCampaigns(deployment, deployment.clock.now() - DAYS * DAY_MS, DAYS);
  const lists =
    day === undefined
      ? [listCampaigns(deployment), ...(open ? [] : [recent()])]
      : [listCampaigns(deployment, Date.parse(day))];
  const read = await Promise.all(lists);
  const byId = new Map(read.flatMap(({ campaigns }) => campaigns.map((one) => [one.id, one] as const)));
  const campaigns = [...byId.values()].sort((a, b) => b.time - a.time);
  return { campaigns: campaigns.map(await linesOf(deployment)), more: read.some(({ more }) => more) };
}

async function campaignPage({ deployment }: ConsoleDeps, id: string) {
  const campaign = await findCampaign(deployment, id);
  const { hear, shown } = overTime(campaign, deployment.clock.now());
  const report = await campaignReport(deployment, campaign, hear);
  const line = (await linesOf(deployment))(campaign);
  return { ...line, recipientsByOutcome: recipientsByOutcome(report), report, outcomes: shown() };
}

const MINUTE_MS = 60_000;
const MOST_STEPS = 60;

/**
 * Counts events by name, in at most sixty steps until an hour after the end. The last step has the later ones too.
 * `processed` is left out: it comes of each mail, before its outcome.
 */
function overTime({ startsAt: from, endedAt }: Campaign, now: number) {
  const to = Math.max(from + MINUTE_MS, Math.min(now, (endedAt ?? now) + 60 * MINUTE_MS));
  const step = Math.ceil((to - from) / MINUTE_MS / MOST_STEPS) * MINUTE_MS;
  const lines = new Map<string, Map<number, number>>();
  return {
    hear(name: string, at: number) {
      if (name === 'processed') return;
      const line = lines.get(name) ?? new Map<number, number>();
      const slot = from + step * Math.floor((Math.max(from, Math.min(at, to - 1)) - from) / step);
      lines.set(name, line.set(slot, (line.get(slot) ?? 0) + 1));
    },
    shown() {
      const points = [...lines].map(([name, of]) => [name, [...of].map(([at, value]) => ({ at, value }))] as const);
      return { from, to, step, lines: Object.fromEntries(points) };
    },
  };
}

/** The recipients whom a campaign did not reach, as CSV. The audit object comes before the addresses are read. */
async function failedCsv(deps: ConsoleDeps, id: string) {
  const campaign = await findCampaign(deps.deployment, id);
  await audited(deps, { action: 'campaign.failed', arguments: { id }, reads: true });
  const lines: string[] = [];
  await failedAsCsv(deps.deployment, campaign, (line) => lines.push(line));
  return { csv: `${lines.join('\r\n')}\r\n` };
}

export type RecipientsMail = Awaited<ReturnType<typeof recipientsMail>>;

/** What a recipient of a campaign reads, after an audit object was stored. */
async function recipientsMail(deps: ConsoleDeps, { id, number }: { id: string; number: number }) {
  const act = { action: 'campaign.mail', arguments: { id, number: String(number) }, reads: true as const };
  return (await campaignMail(deps.deployment, id, number, () => audited(deps, act))).preview;
}

async function linesOf(deployment: Deployment) {
  const waits = await waitsOf(deployment);
  const now = deployment.clock.now();
  return (campaign: Campaign) => ({
    id: campaign.id,
    name: campaign.name,
    status: statusOf({ ...campaign, reason: campaign.reason ?? waits(campaign) }),
    can: campaign.endedAt === undefined ? (CAN[campaign.status] ?? []) : [],
    recipients: campaign.recipients,
    progress: progressOf(campaign, now),
    accepted: campaign.time,
    ended: campaign.endedAt,
  });
}

const CAN: Partial<Record<Campaign['status'], ('pause' | 'resume' | 'cancel')[]>> = {
  running: ['pause', 'cancel'],
  paused: ['resume', 'cancel'],
};
