import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import * as z from 'zod';
import { OperatorError } from '../ops/operator';
import { overview } from '../ops/overview';
import { isProduction } from '../target';
import { act, previewAction } from './actions';
import { campaignList, campaignPage } from './campaigns';
import { deadLetters } from './dead-letters';
import { auditLook, type ConsoleDeps } from './deps';
import { type Env, ownPage, ownWrite, refuse } from './guard';
import { jobData, jobPageOf } from './job';
import { BREAKS, type LocalPage, type LocalTools } from './local-tools';
import { foundJobs, querySchema } from './search';
import type { Session } from './views';

const MOST_BYTES = 2 * 1024 * 1024;

const jobSchema = z.object({ queue: z.string(), id: z.string() });
const actionSchema = z.object({
  action: z.string(),
  input: z.unknown(),
  reason: z.string().max(500).default(''),
});
const breakSchema = z.object({ vendor: z.string(), how: z.enum(BREAKS).optional() });
const sampleSchema = z.object({ sample: z.string() });

/** What the page asks for and does. Each path stands behind the guard. */
export function consoleApi(deps: ConsoleDeps): Hono<Env> {
  const api = new Hono<Env>();
  api.use(ownPage(deps.token));
  api.post('*', ownWrite, bodyLimit({ maxSize: MOST_BYTES, onError: tooLarge }));

  api.get('/session', (context) => context.json(sessionOf(deps)));
  api.get('/overview', async (context) => context.json(await overview(deps.deployment)));
  api.get('/jobs', async (context) =>
    context.json(await foundJobs(deps, read(querySchema, given(context)), context.req.raw.signal)),
  );
  api.get('/job', async (context) => {
    const { queue, id = '' } = given(context);
    return context.json(await jobPageOf(deps, queue, id));
  });
  api.get('/data', async (context) => {
    const { queue, id } = read(jobSchema, given(context));
    return context.json(await jobData({ ...deps, unmask: false }, queue, id));
  });
  api.post('/reveal', async (context) => {
    const { queue, id } = read(jobSchema, await body(context));
    return context.json(await jobData({ ...deps, unmask: true }, queue, id));
  });
  api.get('/dead', async (context) => context.json(await deadLetters(deps, given(context).queue)));
  api.get('/campaigns', async (context) => {
    const { day } = given(context);
    return context.json(await campaignList(deps, day === undefined ? undefined : dayOf(day)));
  });
  api.get('/campaign', async (context) => context.json(await campaignPage(deps, given(context).id ?? '')));

  api.post('/preview', async (context) => {
    const { action, input } = read(actionSchema, await body(context));
    return context.json(previewAction(deps, action, input));
  });
  api.post('/act', async (context) => {
    const { action, ...said } = read(actionSchema, await body(context));
    return context.json({ done: await act(deps, action, said) });
  });

  api.get('/local', async (context) => context.json(await localPage(deps, { unmask: false })));
  api.post('/local/reveal', async (context) => context.json(await localPage(deps, { unmask: true })));
  api.post('/local/break', async (context) => {
    const { vendor, how } = read(breakSchema, await body(context));
    const tools = toolsOf(deps);
    await (how === undefined ? tools.recover(vendor) : tools.break(vendor, how));
    return context.json({});
  });
  api.post('/local/send', async (context) => {
    const { sample } = read(sampleSchema, await body(context));
    return context.json(await toolsOf(deps).send(sample));
  });

  api.notFound((context) => refuse(context, 404, 'There is no such path.'));
  return api;
}

/** What the page must know before it shows anything. */
const sessionOf = ({ target, write, deployment }: ConsoleDeps): Session => ({
  ...target,
  production: isProduction(target),
  local: target.stage === 'local',
  write,
  queues: [...deployment.queueNames],
});

/** The parameters of the address. An empty one counts as none. */
const given = ({ req }: Context): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(req.query()).filter(([, value]) => value !== ''));

const tooLarge = (context: Context) => refuse(context, 413, 'The request is too large.');

async function body({ req }: Context): Promise<unknown> {
  try {
    return await req.json();
  } catch {
    throw new OperatorError('The body must be JSON.');
  }
}

function read<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new OperatorError('The request is not valid.');
  return parsed.data;
}

function dayOf(text: string): number {
  const day = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(day)) throw new OperatorError('The day must be like 2026-01-02.');
  return day;
}

/** What the fake vendors took. Addresses are masked until they are asked for, as on any deployment. */
async function localPage(deps: ConsoleDeps, { unmask }: { unmask: boolean }): Promise<LocalPage> {
  const { samples, vendors } = toolsOf(deps);
  if (unmask) await auditLook(deps, { action: 'local.reveal', arguments: {} });
  const shown = unmask ? (text: string) => text : maskAddresses;
  const shownVendors = vendors().map((vendor) => ({
    ...vendor,
    tables: vendor.tables.map((table) => ({ ...table, rows: table.rows.map((row) => row.map(shown)) })),
  }));
  return { samples, breaks: BREAKS, vendors: shownVendors };
}

function toolsOf({ local }: ConsoleDeps): LocalTools {
  if (!local) throw new OperatorError('Only the service of npm start has fake vendors.');
  return local;
}

/** Text with its addresses masked: `a…@…`. */
const maskAddresses = (text: string): string => text.replace(/([^\s@<>"]?)[^\s@<>"]*@[^\s@<>"]+/g, '$1…@…');
