import { randomUUID } from 'node:crypto';
import { jobKey } from '../../lib/engine/jobs/keys';
import { isEnd, type JobRow } from '../../lib/engine/jobs/row';
import { storedFacts } from '../../lib/engine/reconcile/facts';
import { sendCanary } from '../../lib/engine/reconcile/measure';
import { type Deployment, stateOf } from '../../lib/operate/ops/operator';
import { ANALYTICS_QUEUE } from '../../lib/queues/analytics/queue';
import type { Inputs, Kind } from '../../lib/queues/kinds';
import type { Options } from '../../packages/cli/command';
import type { CommandName } from '../../packages/cli/commands';
import type { Producer } from '../../packages/producer/client';
import { quantile } from '../bench/table';
import { checked, lineOf } from '../support/assumptions.cjs';

export interface Accepted {
  deps: Deployment;
  producer: Pick<Producer, Kind | 'jobs'>;
  /** Runs a command as an operator, and resolves to what it prints. Rejects with what it says if it fails. */
  sls: (name: CommandName, options: Options) => Promise<string>;
  /** Resolves to a line, and to a line for each assumption that it checks. */
  conformance: () => Promise<[said: string, assumptions: string[]]>;
  /** Jobs a second, and for how many seconds. */
  load: { rate: number; seconds: number };
  /** How long Lambda may go on to receive from a paused queue, and how long a job may take, in ms. */
  waits: { pauseMs: number; jobMs: number };
  /** Rejects as soon as the run is interrupted. */
  sleep: (ms: number) => Promise<void>;
  /** Adds what must be undone, whatever happens. The last is undone first. */
  undo: (what: string, act: () => Promise<unknown>) => void;
}

/** A step of the acceptance. Resolves to its figures, or rejects with why it failed. */
type Step = (context: Accepted) => Promise<string | [said: string, assumptions: string[]]>;

const REASON = 'npm run accept';

/** Asks until there is an answer. If there is none in time, it says what it saw last. */
export async function until<T>(
  { deps, sleep }: Pick<Accepted, 'deps' | 'sleep'>,
  { what, withinMs }: { what: string; withinMs: number },
  ask: () => Promise<[answer: T | undefined | false, seen: string]>,
): Promise<T> {
  for (const end = deps.clock.now() + withinMs; ; ) {
    const [answer, seen] = await ask();
    if (answer) return answer;
    if (deps.clock.now() >= end) throw new Error(`${what} after ${seconds(withinMs)}. Seen last: ${seen}`);
    await sleep(500);
  }
}

const seconds = (ms: number): string => (ms < 1_000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`);

const rowOf = ({ deps }: Pick<Accepted, 'deps'>, { queue, id }: { queue: string; id: string }) =>
  deps.ledger.get(jobKey(queue, id)) as Promise<JobRow | undefined>;

/** Asks for the row of a job until it fits. Rejects if it does not in time. */
export const rowThat = (
  context: Pick<Accepted, 'deps' | 'sleep' | 'waits'>,
  job: { queue: string; id: string },
  { what, fits }: { what: string; fits: (row: JobRow) => boolean },
): Promise<JobRow> =>
  until(context, { what, withinMs: context.waits.jobMs }, async () => {
    const row = await rowOf(context, job);
    return [row && fits(row) && row, row ? stateOf(row) : 'no row'];
  });

const email = 'accept@example.com';
const app = '1000000001';

/** One job of each kind, planned for in an hour and cancelled. It is checked and stored, and never runs. */
const DATA: Inputs = {
  feedback: { user: { email }, subject: 'Acceptance', message: 'Planned, then cancelled.' },
  email: { from: { email }, to: { email }, subject: 'Acceptance', text: 'x' },
  invite: { app, groups: [randomUUID()], email },
  removeTester: { app, email, from: 'app' },
  notifyBuild: { app, build: randomUUID() },
};
const QUEUES: Partial<Record<Kind, string>> = { feedback: 'feedback', email: 'emails' };

const kinds: Step = async ({ deps, producer }) => {
  const known = (Object.keys(DATA) as Kind[]).filter((kind) => deps.queueNames.includes(QUEUES[kind] ?? 'testflight'));
  const notBefore = new Date(deps.clock.now() + 3_600_000).toISOString();
  for (const kind of known) {
    const send = producer[kind] as (data: unknown, options: object) => Promise<{ id: string }>;
    const { id } = await send(DATA[kind], { notBefore, system: true });
    const { cancelled, state } = await producer.jobs.cancel(id, { system: true });
    if (!cancelled) throw new Error(`${kind}: the planned job ${id} is ${state}, and not cancelled`);
  }
  return `${known.join(', ')}: accepted, stored, cancelled`;
};

const canaries: Step = async ({ sls }) => {
  const { canaries: ended = [] } = JSON.parse(await sls('check', { live: true, json: true })) as {
    canaries?: { queue: string; state: string; seconds?: number }[];
  };
  return ended.map(({ queue, seconds: took = 0 }) => `${queue} ${seconds(Math.round(took * 1000))}`).join(', ');
};

/** Canaries at a steady rate, in turn through all queues. Their rows say when each was sent and when it ended. */
const load: Step = async (context) => {
  const { deps, load: asked, sleep } = context;
  const { clock, queueNames } = deps;
  const begun = clock.now();
  const sent: { queue: string; id: string }[] = [];
  const sending: Promise<void>[] = [];
  for (let n = 0; n < asked.rate * asked.seconds; n++) {
    await sleep(Math.max(0, begun + (n * 1000) / asked.rate - clock.now()));
    const job = { queue: queueNames[n % queueNames.length] ?? '', id: deps.random.uuid() };
    sent.push(job);
    const send = sendCanary(deps, job.queue, { id: job.id, at: clock.now() });
    send.catch(() => {});
    sending.push(send);
  }
  await Promise.all(sending);
  const rate = sent.length / ((clock.now() - begun) / 1000);
  const took: number[] = [];
  for (const job of sent) {
    const what = `${sent.length - took.length} of ${sent.length} jobs have not ended`;
    const row = await rowThat(context, job, { what, fits: ({ state }) => isEnd(state) });
    if (row.state !== 'succeeded') throw new Error(`${job.id} of ${job.queue} is ${stateOf(row)}`);
    took.push((row.endedAt ?? 0) - (row.sentAt ?? row.createdAt));
  }
  const part = (share: number) => seconds(quantile(took, share));
  return `${sent.length} jobs at ${rate.toFixed(1)}/s, from send to end: p50 ${part(0.5)}, p99 ${part(0.99)}`;
};

/** A paused queue receives nothing, and its job continues after the resume. */
const pause: Step = async (context) => {
  const { deps, sls, undo, sleep, waits } = context;
  const queue = firstQueue(deps);
  const resume = () => sls('queues resume', { queue, reason: REASON });
  undo(`resume ${queue}`, resume);
  await sls('queues pause', { queue, reason: REASON });
  await sleep(waits.pauseMs);
  const job = { queue, id: deps.random.uuid() };
  await sendCanary(deps, queue, { id: job.id, at: deps.clock.now() });
  await sleep(waits.pauseMs);
  const during = await rowOf(context, job);
  if (during?.state !== 'queued') throw new Error(`${queue} was paused, and a job of it is ${during?.state}`);
  await resume();
  const resumedAt = deps.clock.now();
  const what = `the job of ${queue} has not ended`;
  await rowThat(context, job, { what, fits: ({ state }) => state === 'succeeded' });
  return `${queue} held a job for ${seconds(waits.pauseMs)}, which ended ${seconds(deps.clock.now() - resumedAt)} after the resume`;
};

const firstQueue = ({ queueNames }: Deployment): string =>
  queueNames.find((queue) => queue !== ANALYTICS_QUEUE) ?? ANALYTICS_QUEUE;

/** A message of no known type is dead at once, calls no vendor, and is dead again after a redrive. */
const redrive: Step = async (context) => {
  const { deps, sls, undo } = context;
  const queue = firstQueue(deps);
  const id = randomUUID();
  const time = new Date(deps.clock.now()).toISOString();
  const body = { specversion: '1.0', id, type: 'acceptance.test.v1', source: '/accept', time, data: {} };
  const fifo = deps.settings(queue).type === 'fifo' ? { groupId: id, deduplicationId: id } : {};
  undo(`discard ${id}`, () => sls('jobs discard', { id, queue, reason: REASON }));
  await deps.queues.send(deps.queueUrl(queue), { body: JSON.stringify(body), ...fifo });
  const dead = (generation: number) => {
    const fits = ({ state, parkedAt, ...row }: JobRow) =>
      state === 'dead' && row.generation === generation && parkedAt !== undefined;
    return rowThat(context, { queue, id }, { what: `${id} is not dead for the ${generation}. time`, fits });
  };
  const first = await dead(1);
  await sls('jobs retry', { id, queue, reason: REASON });
  await dead(2);
  return `a job of ${queue} was dead (${first.error?.code}), redriven, and dead again`;
};

/** The reconciler reports the dead job of the step before, and the topic takes a test message for the chat. */
const alarm: Step = async (context) => {
  const { deps, sls, waits } = context;
  const begun = deps.clock.now();
  const fact = await until(context, { what: 'no fact about the dead job', withinMs: 2 * waits.jobMs }, async () => {
    const facts = Object.values(await storedFacts(deps));
    const found = facts.find(
      ({ kind, code, offAt }) => kind === 'jobs-dead' && code === 'WrongType' && offAt === undefined,
    );
    return [found, facts.map(({ kind, code }) => `${kind} ${code}`).join(', ')];
  });
  await sls('alarms test', {});
  return `${fact.kind} (${fact.code}) after ${seconds(deps.clock.now() - begun)}. Look for it and a test message in the chat`;
};

/** By name, in their order. */
export const STEPS: Record<string, Step> = {
  sqs: ({ conformance }) => conformance(),
  queues: canaries,
  ...{ kinds, load, pause, redrive, alarm },
};

/** Runs the steps one after another, then undoes what is left. `say` gets a line for each, and the page has them all. */
export async function accept(
  context: Omit<Accepted, 'sleep' | 'undo'>,
  { title, say, signal, only }: { title: string; say: (line: string) => void; signal: AbortSignal; only?: string[] },
): Promise<{ ok: boolean; text: string }> {
  const lines: string[] = [];
  let good = 0;
  const left: [what: string, act: () => Promise<unknown>][] = [];
  const done = (name: string, ok: boolean, what: string) => {
    if (ok) good++;
    const line = `${ok ? 'ok    ' : 'failed'}  ${name.padEnd(10)}${what.trim().replaceAll(/\s+/g, ' ')}`;
    lines.push(line);
    say(line);
  };
  const assumed: string[] = [];
  const tried = async (name: string, act: () => ReturnType<Step>) => {
    const its = checked('accept').filter(({ check }) => check === name);
    try {
      const said = await act();
      const [what, others] = typeof said === 'string' ? [said, []] : said;
      done(name, true, what);
      assumed.push(...others, ...its.map((row) => lineOf(row, 'ok')));
    } catch (error) {
      done(name, false, error instanceof Error ? error.message : String(error));
      assumed.push(...its.map((row) => lineOf(row, 'failed')));
    }
  };
  const sleep = async (ms: number) => {
    await context.deps.clock.sleep(ms, signal);
    if (signal.aborted) throw new Error('interrupted');
  };
  const given = { ...context, sleep, undo: (...one: (typeof left)[number]) => void left.push(one) };
  for (const [name, step] of Object.entries(STEPS).filter(([one]) => only?.includes(one) ?? true)) {
    if (signal.aborted) done(name, false, 'not run: interrupted');
    else await tried(name, () => step(given));
  }
  for (const [what, act] of left.toReversed()) await tried('clean-up', async () => act().then(() => what));
  for (const line of assumed) say(line);
  const last = `${good} of ${lines.length} ok`;
  say(last);
  return { ok: good === lines.length, text: [title, '', ...lines, '', ...assumed, '', last, ''].join('\n') };
}
