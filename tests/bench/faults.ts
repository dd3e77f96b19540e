import { mock } from 'node:test';
import { LocalDurableTestRunner } from '@aws/durable-execution-sdk-js-testing';
import { TransientError } from '../../lib/errors';
import { sharedRate } from '../../lib/worker/rate';
import { startFakeSendgrid } from '../../packages/local/fakes/sendgrid';
import { startFakeZendesk } from '../../packages/local/fakes/zendesk';
import { startAws, TABLE } from '../support/emulators';
import { jobId, memoryEngine, watch } from '../support/engine';
import { feedbackBody, sampleFeedback } from '../support/feedback';
import { createKills } from '../support/kills';
import { memoryClock } from '../support/memory-clock';
import { memoryObjects } from '../support/memory-objects';
import { memoryTable } from '../support/memory-table';
import { cleanJobPrice } from './clean-job-price';
import { durableFeedback, execute } from './durable';
import { feedbackSteps, type Handler, idempotent, plainLoop, powertools, usualWorker, vendorsAt } from './rivals';
import { type Size, table } from './table';

/** `hit`: the jobs that meet a fault. The small form plays the first faults only, which need one hour. */
const SIZES = { full: { jobs: 50, hit: 10, hours: 6, faults: 7 }, small: { jobs: 4, hit: 1, hours: 1, faults: 2 } };
type Sizes = (typeof SIZES)[Size];
const MINUTE_MS = 60_000;
const REDRIVE_MINUTE = 180;

type World = Awaited<ReturnType<typeof world>>;
interface Scenario {
  name: string;
  batch: number;
  jobs: number;
  healthy: number;
  /** A vendor refuses all calls in the first two hours. */
  down?: 'zendesk' | 'sendgrid';
  /** An operator sends the dead jobs back after three hours. */
  redrives?: true;
  /** The messages of these jobs are delivered once more after they are done. */
  repeats?: readonly string[];
  arrange?(world: World): void;
}

function scenariosOf({ jobs, hit, faults }: Sizes): Scenario[] {
  const all = { batch: 1, jobs, healthy: jobs };
  const ids = Array.from({ length: hit }, (_, n) => jobId(n + 1));
  const some = `(${hit} of ${jobs})`;
  const scenarios: Scenario[] = [
    {
      ...all,
      name: `the answer to a mail is lost ${some}`,
      arrange: ({ sendgrid }) => {
        for (const id of ids) sendgrid.fail({ bodyContains: id, after: 'reset' });
      },
    },
    {
      ...all,
      name: `killed after the mail, before the outcome ${some}`,
      arrange: ({ dies }) => {
        for (const id of ids) dies.afterMail.add(id);
      },
    },
    {
      ...all,
      name: `timed out in the ticket's call, which took effect ${some}`,
      arrange: ({ dies }) => {
        for (const id of ids) dies.afterTicket.add(id);
      },
    },
    { ...all, name: `delivered again after the end ${some}`, repeats: ids },
    { ...all, name: 'Zendesk is down for two hours', down: 'zendesk' },
    { ...all, name: 'SendGrid is down for two hours, redrive after three', down: 'sendgrid', redrives: true },
    {
      ...all,
      name: `one of ${jobs} is refused each time, batches of ten`,
      batch: 10,
      healthy: jobs - 1,
      arrange: ({ zendesk }) => {
        zendesk.fail({ bodyContains: jobId(1), method: 'POST', times: 'forever', status: 422, body: {} });
      },
    },
  ];
  return scenarios.slice(0, faults);
}

const ENGINES = ['this engine', 'plain loop', 'Powertools FIFO', 'Powertools with idempotency'] as const;
const DURABLE = ['durable function, defaults', 'durable function, careful'] as const;

/** What faults do to jobs in virtual time, for six workers on the same adapters. */
export async function underFaults(size: Size): Promise<string> {
  const { jobs, hours } = SIZES[size];
  const scenarios = scenariosOf(SIZES[size]);
  const rows: (string | number)[][] = [];
  for (const scenario of scenarios) for (const rival of ENGINES) rows.push(await play(scenario, rival, hours));
  await LocalDurableTestRunner.setupTestEnvironment({ skipTime: true });
  for (const scenario of scenarios) for (const rival of DURABLE) rows.push(await playDurable(scenario, rival));
  const operations = await cleanDurableOperations();
  await LocalDurableTestRunner.teardownTestEnvironment();
  const broken = rows.find(
    ([, rival, tickets, mails, , lost]) => rival === 'this engine' && (tickets || mails || lost),
  );
  if (broken) throw new Error(`this engine broke a promise: ${broken.join(', ')}`);
  const order = scenarios.map(({ name }) => name);
  rows.sort(([a], [b]) => order.indexOf(String(a)) - order.indexOf(String(b)));
  return [
    `${jobs} feedback jobs under faults, ${hours} virtual hours. "lost" are healthy jobs that ended as dead or failed.`,
    table(['fault', 'worker', 'tickets twice', 'mails twice', 'done', 'lost'], rows),
    '',
    cleanJobPrice(operations),
  ].join('\n');
}

async function world({ down }: Pick<Scenario, 'down'>, now: () => number) {
  const kills = createKills();
  const dies = { afterMail: new Set<string>(), afterTicket: new Set<string>() };
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
  const mortalMails: Pick<typeof mails, 'send'> = {
    send: async (mail, options) => {
      const answer = await mails.send(mail, options);
      return dies.afterMail.delete(mail.recipients[0]?.customArgs.job ?? '') ? kills.die() : answer;
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
    /** Stops the vendors. Returns the row of the table. */
    async close(scenario: Scenario, { rival, dead }: { rival: string; dead: number }): Promise<(string | number)[]> {
      await Promise.all([zendesk.close(), sendgrid.close()]);
      const tickets = new Set(zendesk.tickets.map(({ external_id }) => external_id));
      const mailed = sendgrid.mails.map(({ customArgs }) => customArgs.job);
      const doubled = [zendesk.tickets.length - tickets.size, mailed.length - new Set(mailed).size];
      const { name, jobs, healthy } = scenario;
      return [name, rival, ...doubled, `${jobs - dead} of ${healthy}`, dead - (jobs - healthy)];
    },
  };
}

const bodyOf = (n: number) => feedbackBody({}, { id: jobId(n) });

async function play(scenario: Scenario, rival: (typeof ENGINES)[number], hours: number): Promise<(string | number)[]> {
  const clock = memoryClock();
  const stage = await world(scenario, clock.now);
  const engine = memoryEngine(
    (ports) => {
      const rate = sharedRate({ ...ports, rate: 100 }, 'sendgrid');
      return sampleFeedback({ ...stage.vendors, ...ports, rate, mayConfirm: async () => true });
    },
    { clock },
  );
  const aws = await startAws({});
  const worker = usualWorker({ ...stage.vendors, table: engine.table, objects: engine.objects });
  const handlers: Record<typeof rival, Handler | undefined> = {
    'this engine': undefined,
    'plain loop': plainLoop(worker),
    'Powertools FIFO': powertools(worker),
    'Powertools with idempotency': powertools(idempotent(worker, { client: aws.clients.dynamodb, table: TABLE })),
  };
  const handler = handlers[rival];
  scenario.arrange?.(stage);
  const send = (body: string, n: number) => engine.send(body, { group: `g${n % 20}` });
  for (let n = 1; n <= scenario.jobs; n++) send(bodyOf(n), n);

  // Powertools reads the time from Date.
  mock.timers.enable({ apis: ['Date'], now: clock.now() });
  for (let minute = 0; minute < hours * 60; minute++) {
    if (minute === 30) for (const id of scenario.repeats ?? []) send(feedbackBody({}, { id }), 0);
    if (scenario.redrives && minute === REDRIVE_MINUTE) engine.redrive();
    for (let event = engine.receive(scenario.batch); event.Records.length > 0; event = engine.receive(scenario.batch)) {
      const received = event;
      await stage.mortal(() => engine.handle(received, handler));
    }
    if (!handler) await engine.reconcile();
    clock.advance(MINUTE_MS);
    mock.timers.setTime(clock.now());
  }
  mock.timers.reset();
  await aws.close();
  return stage.close(scenario, { rival, dead: engine.deadLetters().length });
}

async function cleanDurableOperations(): Promise<number> {
  const stage = await world({}, Date.now);
  const steps = feedbackSteps({ ...stage.vendors, table: memoryTable(), objects: memoryObjects() });
  const handler = durableFeedback(steps, { careful: true, waited: () => {} });
  const { operations } = await execute(handler, bodyOf(1), stage.mortal);
  await Promise.all([stage.zendesk.close(), stage.sendgrid.close()]);
  return operations;
}

/** Durable executions one after the other, each on a clock of its own. A name starts one execution, as on AWS. */
async function playDurable(scenario: Scenario, rival: (typeof DURABLE)[number]): Promise<(string | number)[]> {
  const start = Date.UTC(2026, 0, 2, 3);
  let now = start;
  const stage = await world(scenario, () => now);
  const steps = feedbackSteps({ ...stage.vendors, table: memoryTable(), objects: memoryObjects() });
  const careful = rival === 'durable function, careful';
  const handler = durableFeedback(steps, { careful, waited: (seconds) => (now += seconds * 1_000) });
  scenario.arrange?.(stage);
  const started = new Set<string>();
  let dead = 0;
  const run = async (name: string, n: number, at: number) => {
    if (started.has(name)) return true;
    started.add(name);
    now = start + at;
    return (await execute(handler, bodyOf(n), stage.mortal)).succeeded;
  };
  for (let n = 1; n <= scenario.jobs; n++) {
    let done = await run(jobId(n), n, 0);
    if (scenario.repeats?.includes(jobId(n))) await run(jobId(n), n, 30 * MINUTE_MS);
    // A failed execution cannot go on. The operator starts another one.
    if (!done && scenario.redrives) done = await run(`${jobId(n)}-2`, n, REDRIVE_MINUTE * MINUTE_MS);
    if (!done) dead++;
  }
  return stage.close(scenario, { rival, dead });
}
