import type { SQSEvent } from 'aws-lambda';
import { TransientError } from '../../lib/errors';
import { feedbackContract } from '../../lib/feedback/process';
import { startFakeSendgrid } from '../../lib/local/fakes/sendgrid';
import { startFakeZendesk } from '../../lib/local/fakes/zendesk';
import { realSendgrid } from '../../lib/vendors/sendgrid';
import { realZendesk } from '../../lib/vendors/zendesk';
import { jobId, memoryEngine, PREFIX, watch } from '../support/engine';
import { feedbackBody } from '../support/feedback';
import { type Handler, plainLoop, powertools, usualWorker } from './rivals';
import { table } from './table';

const JOBS = 50;
const HOURS = 6;
const never = new Promise<never>(() => {});

type World = Awaited<ReturnType<typeof world>>;
interface Scenario {
  name: string;
  batch: number;
  /** Sets up the faults. `tick` is called once per virtual minute. */
  arrange(world: World): { tick?: (minute: number) => void };
  /** Jobs that should succeed. */
  healthy: number;
}

const scenarios: Scenario[] = [
  {
    name: "a mail's answer is lost (10 of 50)",
    batch: 1,
    healthy: JOBS,
    arrange: ({ sendgrid }) => {
      for (let n = 1; n <= 10; n++) sendgrid.fail({ bodyContains: jobId(n), after: 'reset' });
      return {};
    },
  },
  {
    name: 'killed after the mail, before the outcome (10 of 50)',
    batch: 1,
    healthy: JOBS,
    arrange: ({ faults }) => {
      for (let n = 1; n <= 10; n++) faults.killAfterMail.add(jobId(n));
      return {};
    },
  },
  {
    name: 'Zendesk is down for two hours',
    batch: 1,
    healthy: JOBS,
    arrange: ({ faults }) => {
      faults.zendeskDown = true;
      return {
        tick: (minute) => {
          if (minute === 120) faults.zendeskDown = false;
        },
      };
    },
  },
  {
    name: 'one of 50 is refused each time, batches of ten',
    batch: 10,
    healthy: JOBS - 1,
    arrange: ({ zendesk }) => {
      zendesk.fail({ bodyContains: jobId(1), method: 'POST', times: 'forever', status: 422, body: {} });
      return {};
    },
  },
];

/** What faults do to 50 jobs in virtual time, for three engines on the same adapters. */
export async function underFaults(): Promise<string> {
  const rows: (string | number)[][] = [];
  for (const scenario of scenarios)
    for (const rival of ['this engine', 'plain loop', 'Powertools FIFO'] as const)
      rows.push(await play(scenario, rival));
  return [
    `${JOBS} feedback jobs under faults, ${HOURS} virtual hours. "lost" are healthy jobs that ended in the DLQ.`,
    table(['fault', 'worker', 'tickets twice', 'mails twice', 'done', 'lost'], rows),
  ].join('\n');
}

async function world() {
  const faults = { zendeskDown: false, killAfterMail: new Set<string>() };
  let died = () => {};
  let now = () => 0;
  const zendesk = await startFakeZendesk({ now: () => now() });
  const sendgrid = await startFakeSendgrid({ now: () => now() });
  const secret = async () => 'secret';
  const vendors = (clock: () => number) => {
    now = clock;
    const mail = realSendgrid({ endpoint: sendgrid.url, apiKey: secret, now: clock, instance: 'acme' });
    return {
      zendesk: watch(
        realZendesk({ endpoint: zendesk.url, email: 'agent@example.com', token: secret, now: clock }),
        'zendesk',
        {
          before: () => {
            if (faults.zendeskDown)
              throw new TransientError({ code: 'ZendeskUnreachable', message: 'down', vendor: 'zendesk' });
          },
        },
      ),
      sendgrid: {
        send: async (...parameters: Parameters<typeof mail.send>) => {
          const answer = await mail.send(...parameters);
          const job = parameters[0].customArgs.job ?? '';
          if (!faults.killAfterMail.delete(job)) return answer;
          died();
          return never;
        },
      },
    };
  };
  return {
    faults,
    zendesk,
    sendgrid,
    vendors,
    /** Runs an invocation. Resolves to `undefined` if the process died. */
    mortal: async <T>(run: () => Promise<T>): Promise<T | undefined> =>
      Promise.race([
        run(),
        new Promise<undefined>((resolve) => {
          died = () => resolve(undefined);
        }),
      ]),
  };
}

async function play(
  scenario: Scenario,
  rival: 'this engine' | 'plain loop' | 'Powertools FIFO',
): Promise<(string | number)[]> {
  const stage = await world();
  let vendors: ReturnType<World['vendors']> | undefined;
  const engine = memoryEngine(({ objects, now }) => {
    vendors = stage.vendors(now);
    const config = {
      prefix: PREFIX,
      tags: [],
      from: { email: 'support@example.com' },
      brand: 'Example',
      confirmationWaitMs: 900_000,
    };
    return feedbackContract({ ...vendors, objects, mayConfirm: async () => true, config });
  });
  if (!vendors) throw new Error('the engine made no contract');
  const worker = usualWorker({ ...vendors, table: engine.table, objects: engine.objects });
  const handlers: Record<typeof rival, Handler | undefined> = {
    'this engine': undefined,
    'plain loop': plainLoop(worker),
    'Powertools FIFO': powertools(worker),
  };
  const handler = handlers[rival];
  const { tick } = scenario.arrange(stage);
  for (let n = 1; n <= JOBS; n++) engine.send(feedbackBody({}, { id: jobId(n) }), { group: `g${n % 20}` });

  for (let minute = 0; minute < HOURS * 60; minute++) {
    tick?.(minute);
    for (let event = engine.receive(scenario.batch); event.Records.length > 0; event = engine.receive(scenario.batch)) {
      const received = event;
      await stage.mortal<unknown>(() => (handler ? handled(engine, handler, received) : engine.handle(received)));
    }
    if (!handler) await engine.reconcile();
    engine.clock.advance(60_000);
  }
  await Promise.all([stage.zendesk.close(), stage.sendgrid.close()]);

  const tickets = new Set(stage.zendesk.tickets.map(({ external_id }) => external_id));
  const jobsMailed = stage.sendgrid.mails.map(({ customArgs }) => customArgs.job);
  const lost = engine.deadLetters().length - (JOBS - scenario.healthy);
  return [
    scenario.name,
    rival,
    stage.zendesk.tickets.length - tickets.size,
    jobsMailed.length - new Set(jobsMailed).size,
    `${tickets.size} of ${scenario.healthy}`,
    lost,
  ];
}

async function handled(engine: ReturnType<typeof memoryEngine>, handler: Handler, event: SQSEvent): Promise<void> {
  const { batchItemFailures } = await handler(event);
  const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
  for (const { messageId, receiptHandle } of event.Records)
    if (!failed.has(messageId)) engine.model.deleteMessage({ QueueUrl: engine.queueArn, ReceiptHandle: receiptHandle });
}
