import { mock } from 'node:test';
import { LocalDurableTestRunner } from '@aws/durable-execution-sdk-js-testing';
import { isEnd } from '../../lib/engine/jobs/row';
import { sharedRate } from '../../lib/mail/rate';
import { TransientError } from '../../lib/platform/errors';
import { mailLimit } from '../../lib/queues/feedback/process';
import { startFakeSendgrid } from '../../packages/local/fakes/sendgrid';
import { startFakeZendesk } from '../../packages/local/fakes/zendesk';
import { startAws, TABLE } from '../support/emulators';
import { type Engine, jobId, memoryEngine, watch } from '../support/engine';
import { feedbackBody, ownUser, sampleFeedback } from '../support/feedback';
import { hashPeople } from '../support/hash-people';
import { createKills } from '../support/kills';
import { memoryClock } from '../support/memory-clock';
import { memoryObjects } from '../support/memory-objects';
import { memoryTable } from '../support/memory-table';
import { carefulLoop } from './careful-loop';
import { cleanJobPrice } from './clean-job-price';
import { durableFeedback, execute } from './durable';
import {
  CONFIRMATION_WAIT_MS,
  feedbackSteps,
  type Handler,
  idempotent,
  idempotentEffects,
  plainLoop,
  powertools,
  type RivalPorts,
  usualWorker,
  vendorsAt,
} from './rivals';
import { type Size, tableOf } from './table';

/** `hit`: the jobs that meet a fault. The small form plays the last faults only, the outages. */
const SIZES = { full: { jobs: 50, hit: 10, faults: 7 }, small: { jobs: 2, hit: 1, faults: 2 } };
type Sizes = (typeof SIZES)[Size];
const MINUTE_MS = 60_000;
const REPEAT_MINUTE = 30;
const REDRIVE_MINUTE = 180;
/** All workers are at rest by then, or the benchmark fails. */
const LAST_MINUTE = 24 * 60;
/** The most that SQS allows. */
const MOST_RECEIVES = 1_000;

type World = Awaited<ReturnType<typeof world>>;
interface Scenario {
  name: string;
  jobs: number;
  /** A vendor refuses all calls in the first two hours. */
  down?: 'zendesk' | 'sendgrid';
  /** An operator sends the dead jobs back after three hours. */
  redrives?: true;
  /** What sends a mail at most once sends none to the jobs that are hit. */
  atMostOnce?: true;
  /** The messages of these jobs are delivered once more after they are done. */
  repeats?: readonly string[];
  arrange?(world: World): void;
}

function scenariosOf({ jobs, hit, faults }: Sizes): Scenario[] {
  const ids = Array.from({ length: hit }, (_, n) => jobId(n + 1));
  const some = `(${hit} of ${jobs})`;
  const scenarios: Scenario[] = [
    {
      jobs,
      name: `the answer to a mail is lost ${some}`,
      arrange: ({ sendgrid }) => {
        for (const id of ids) sendgrid.fail({ bodyContains: id, after: 'reset' });
      },
    },
    {
      jobs,
      name: `killed after the mail, before the outcome ${some}`,
      arrange: ({ dies }) => {
        for (const id of ids) dies.afterMail.add(id);
      },
    },
    {
      jobs,
      name: `killed before the mail, after the step began ${some}`,
      atMostOnce: true,
      arrange: ({ dies }) => {
        for (const id of ids) dies.beforeMail.add(id);
      },
    },
    {
      jobs,
      name: `timed out in the ticket's call, which took effect ${some}`,
      arrange: ({ dies }) => {
        for (const id of ids) dies.afterTicket.add(id);
      },
    },
    { jobs, name: `delivered again after the end ${some}`, repeats: ids },
    { jobs, name: 'Zendesk is down for two hours', down: 'zendesk' },
    { jobs, name: 'SendGrid is down for two hours, redrive after three', down: 'sendgrid', redrives: true },
  ];
  return scenarios.slice(-faults);
}

const OURS = 'this engine';
const ENGINES = [OURS, 'plain loop', 'Powertools, defaults', 'Powertools, careful', 'a careful loop'] as const;
const DURABLE = ['durable function, defaults', 'durable function, careful'] as const;

/** What faults do to jobs in virtual time, for six workers on the same adapters. */
export async function underFaults(size: Size): Promise<string> {
  const { jobs, hit } = SIZES[size];
  const scenarios = scenariosOf(SIZES[size]);
  const rows: Figures[] = [];
  for (const scenario of scenarios) for (const rival of ENGINES) rows.push(await play(scenario, rival));
  await LocalDurableTestRunner.setupTestEnvironment({ skipTime: true });
  for (const scenario of scenarios) for (const rival of DURABLE) rows.push(await playDurable(scenario, rival));
  const operations = await cleanDurableOperations();
  await LocalDurableTestRunner.teardownTestEnvironment();
  const missing = (fault: string) => (scenarios.some((each) => each.name === fault && each.atMostOnce) ? hit : 0);
  const isBroken = ({ fault, ticketsTwice, mailsTwice, ended, neverSent }: Figures) =>
    ticketsTwice + mailsTwice + ended > 0 || neverSent !== missing(fault);
  const broken = rows.find((row) => row.rival === OURS && isBroken(row));
  if (broken) throw new Error(`this engine broke a promise: ${JSON.stringify(broken)}`);
  const sorted = scenarios.flatMap(({ name }) => rows.filter(({ fault }) => fault === name));
  return [
    `${jobs} feedback jobs under faults, until each worker is at rest.`,
    tableOf(
      sorted,
      ['fault', ({ fault }) => fault],
      ['worker', ({ rival }) => rival],
      ['tickets', ({ ticketsMade }) => ticketsMade],
      ['tickets twice', ({ ticketsTwice }) => ticketsTwice],
      ['mails twice', ({ mailsTwice }) => mailsTwice],
      ['mails never sent', ({ neverSent }) => neverSent],
      ['ended in the DLQ', ({ ended }) => ended],
    ),
    '',
    cleanJobPrice(operations),
  ].join('\n');
}

async function world({ down }: Pick<Scenario, 'down'>, now: () => number) {
  const kills = createKills();
  const dies = { beforeMail: new Set<string>(), afterMail: new Set<string>(), afterTicket: new Set<string>() };
  const begun = now();
  const zendesk = await startFakeZendesk({ now });
  const sendgrid = await startFakeSendgrid({ now });
  const refuse = (vendor: 'zendesk' | 'sendgrid') => () => {
    if (down === vendor && now() < begun + 120 * MINUTE_MS)
      throw new TransientError({ code: 'Unreachable', message: 'down', vendor });
  };
  const { zendesk: tickets, sendgrid: mails } = vendorsAt({ zendesk: zendesk.url, sendgrid: sendgrid.url }, now);
  const mortalTickets: typeof tickets = {
    ...tickets,
    createTicket: async (ticket, options) => {
      const answer = await tickets.createTicket(ticket, options);
      return dies.afterTicket.delete(ticket.external_id) ? kills.die() : answer;
    },
  };
  const mortalMails: typeof mails = {
    ...mails,
    send: async (mail, options) => {
      const job = mail.recipients[0]?.customArgs.job ?? '';
      if (dies.beforeMail.delete(job)) return kills.die();
      const answer = await mails.send(mail, options);
      return dies.afterMail.delete(job) ? kills.die() : answer;
    },
  };
  return {
    dies,
    zendesk,
    sendgrid,
    vendors: {
      zendesk: watch(mortalTickets, 'zendesk', { before: refuse('zendesk') }),
      sendgrid: watch(mortalMails, 'sendgrid', { before: refuse('sendgrid') }),
    },
    /** Runs an invocation. Resolves to `undefined` if the process died. */
    mortal: async <T>(run: () => Promise<T>): Promise<T | undefined> => {
      let answer: T | undefined;
      await kills.run(async () => {
        answer = await run();
      });
      return answer;
    },
    /** Stops the vendors, and counts what they got. `ended`: the jobs in the DLQ, or the failed executions. */
    async close({ name, jobs }: Scenario, { rival, ended }: { rival: string; ended: number }): Promise<Figures> {
      await Promise.all([zendesk.close(), sendgrid.close()]);
      const ticketed = new Set(zendesk.tickets.map(({ external_id }) => external_id)).size;
      const mailed = new Set(sendgrid.mails.map(({ customArgs }) => customArgs.job)).size;
      return {
        ...{ fault: name, rival, ended },
        ticketsMade: ticketed,
        ticketsTwice: zendesk.tickets.length - ticketed,
        mailsTwice: sendgrid.mails.length - mailed,
        neverSent: jobs - mailed,
      };
    },
  };
}

/** What happened to the jobs of one worker under one fault. */
type Figures = { fault: string; rival: string } & Record<
  'ticketsMade' | 'ticketsTwice' | 'mailsTwice' | 'neverSent' | 'ended',
  number
>;

const bodyOf = (id: string) => feedbackBody(ownUser(id), { id });

async function play(scenario: Scenario, rival: (typeof ENGINES)[number]): Promise<Figures> {
  const clock = memoryClock();
  const stage = await world(scenario, clock.now);
  const engine = memoryEngine(
    (ports) => {
      const rate = sharedRate({ ...ports, rate: 100 }, 'sendgrid');
      const mayConfirm = mailLimit({ ...ports, hashPeople });
      return sampleFeedback({ ...stage.vendors, ...ports, rate, mayConfirm }, CONFIRMATION_WAIT_MS);
    },
    { clock, ...(rival.includes('careful') && { settings: { receives: MOST_RECEIVES } }) },
  );
  const { handler, close } = await handlerOf(rival, { ...stage.vendors, ...engine });
  scenario.arrange?.(stage);
  const send = (body: string, n: number) => engine.send(body, { group: `g${n % 20}` });
  for (let n = 1; n <= scenario.jobs; n++) send(bodyOf(jobId(n)), n);
  const lastAct = scenario.redrives ? REDRIVE_MINUTE : scenario.repeats ? REPEAT_MINUTE : 0;
  // Of this engine, jobs can also wait outside the queue.
  const isAtRest = () => engine.inQueue() === 0 && engine.rows().every(({ state }) => isEnd(state));

  // Powertools reads the time from Date.
  mock.timers.enable({ apis: ['Date'], now: clock.now() });
  for (let minute = 0; minute <= lastAct || !isAtRest(); minute++) {
    if (minute > LAST_MINUTE) throw new Error(`${rival} is not at rest after a day: ${scenario.name}`);
    if (minute === REPEAT_MINUTE) for (const id of scenario.repeats ?? []) send(bodyOf(id), 0);
    if (scenario.redrives && minute === REDRIVE_MINUTE) engine.redrive();
    for (let event = engine.receive(1); event.Records.length > 0; event = engine.receive(1)) {
      const received = event;
      await stage.mortal(() => engine.handle(received, handler));
    }
    if (!handler) await engine.reconcile();
    clock.advance(MINUTE_MS);
    mock.timers.setTime(clock.now());
  }
  mock.timers.reset();
  await close?.();
  return stage.close(scenario, { rival, ended: engine.deadLetters().length });
}

/** A worker on the parts of this engine. None: the engine's own. Powertools has its table over HTTP. */
async function handlerOf(
  rival: (typeof ENGINES)[number],
  { deps, ...ports }: RivalPorts & Pick<Engine, 'deps'>,
): Promise<{ handler?: Handler; close?: () => Promise<void> }> {
  const worker = usualWorker(ports);
  if (rival === OURS) return {};
  if (rival === 'plain loop') return { handler: plainLoop(worker) };
  if (rival === 'a careful loop')
    return { handler: carefulLoop({ ...ports, queues: deps.queues, dlqUrl: deps.dlqUrl('feedback') }) };
  const { clients, close } = await startAws({});
  const store = { client: clients.dynamodb, table: TABLE };
  const handler =
    rival === 'Powertools, careful'
      ? powertools(idempotentEffects(ports, store), { skipGroupOnError: true })
      : powertools(idempotent(worker, store));
  return { handler, close };
}

async function cleanDurableOperations(): Promise<number> {
  const stage = await world({}, Date.now);
  const steps = feedbackSteps({ ...stage.vendors, table: memoryTable(), objects: memoryObjects() });
  const handler = durableFeedback(steps, { careful: true, waited: () => {} });
  const { operations } = await execute(handler, bodyOf(jobId(1)), stage.mortal);
  await Promise.all([stage.zendesk.close(), stage.sendgrid.close()]);
  return operations;
}

/** Durable executions one after the other, each on a clock of its own. A name starts one execution, as on AWS. */
async function playDurable(scenario: Scenario, rival: (typeof DURABLE)[number]): Promise<Figures> {
  const start = Date.UTC(2026, 0, 2, 3);
  let now = start;
  const stage = await world(scenario, () => now);
  const steps = feedbackSteps({ ...stage.vendors, table: memoryTable(), objects: memoryObjects() });
  const careful = rival === 'durable function, careful';
  const handler = durableFeedback(steps, { careful, waited: (seconds) => (now += seconds * 1_000) });
  scenario.arrange?.(stage);
  const started = new Set<string>();
  let ended = 0;
  const run = async (name: string, n: number, at: number) => {
    if (started.has(name)) return true;
    started.add(name);
    now = start + at;
    return (await execute(handler, bodyOf(jobId(n)), stage.mortal)).succeeded;
  };
  for (let n = 1; n <= scenario.jobs; n++) {
    let done = await run(jobId(n), n, 0);
    if (scenario.repeats?.includes(jobId(n))) await run(jobId(n), n, 30 * MINUTE_MS);
    // A failed execution cannot go on. The operator starts another one.
    if (!done && scenario.redrives) done = await run(`${jobId(n)}-2`, n, REDRIVE_MINUTE * MINUTE_MS);
    if (!done) ended++;
  }
  return stage.close(scenario, { rival, ended });
}
