import { setTimeout as sleep } from 'node:timers/promises';
import type { SQSEvent } from 'aws-lambda';
import { CLOCK_SKEW_MS, type JobRow } from '../../lib/engine/jobs/row';
import { IdempotencyConflictError } from '../../lib/engine/submit/errors';
import { counted } from '../../lib/platform/text';
import type { FeedbackInput } from '../../lib/queues/feedback/message';
import { verifySource } from '../verify/instance';
import { verify } from '../verify/verify';
import type { Failure } from './fakes/server';
import { type Service, startService } from './service';
import { run } from './stop';
import { packageStage } from './template/package';

interface Scenario {
  title: string;
  /** How a vendor answers the first requests of the job. `kills`: the worker that dies at such a call. */
  failure?: Failure & { of: 'zendesk' | 'sendgrid'; kills?: string };
  /** Sends the job and returns its id. The default is feedback of its own user. */
  send?: (service: Service, email: string) => Promise<string>;
  expected: string;
}

const feedbackOf = (email: string): FeedbackInput => ({
  user: { email, name: 'Example User' },
  subject: 'The export button does nothing',
  message: 'I press Export and nothing happens.\nIt worked last week.',
  type: 'problem',
  tags: ['export'],
});

const sendFeedback = async ({ producer }: Service, email: string) => (await producer.feedback(feedbackOf(email))).id;

/**
 * The part of a failure that kills the worker whose event has `marker`. The message comes back as soon as the lease of
 * the killed run has ended, and not at the end of its visibility timeout.
 */
export function killing(
  { lambda, sqs, declared }: Pick<Service, 'lambda' | 'sqs' | 'declared'>,
  worker: string,
  marker: string,
): Failure {
  const { Timeout = 0 } = declared.functions.find(({ key }) => key === worker) ?? {};
  const VisibilityTimeout = Timeout + CLOCK_SKEW_MS / 1000 + 1;
  const hits = ({ Records: [record] }: SQSEvent): boolean => {
    if (!record?.body.includes(marker)) return false;
    const { eventSourceARN: QueueUrl, receiptHandle: ReceiptHandle } = record;
    sqs.changeMessageVisibility({ QueueUrl, ReceiptHandle, VisibilityTimeout });
    return true;
  };
  return {
    bodyContains: marker,
    matches: () => {
      lambda.kill(worker, (event) => hits(event as SQSEvent));
      return true;
    },
  };
}

const SUCCESS = 'succeeded, 1 ticket, 1 mail';
const ticketCall = { method: 'POST', path: '/api/v2/tickets' };

const SCENARIOS: Scenario[] = [
  { title: 'a normal job', expected: SUCCESS },
  {
    title: 'Zendesk answers 429, Retry-After 16',
    failure: { of: 'zendesk', ...ticketCall, status: 429, headers: { 'retry-after': '16' } },
    // A worker waits for at most 15 s itself, so the job is held. A wait does not count as an attempt.
    expected: `${SUCCESS}, held 1 time`,
  },
  {
    title: 'worker killed between ticket and mail',
    failure: { of: 'zendesk', ...ticketCall, after: 'hang', kills: 'feedback' },
    expected: SUCCESS,
  },
  {
    title: 'the same idempotency key twice',
    async send({ producer }, email) {
      const options = { key: 'demo', principal: email };
      const { id } = await producer.feedback(feedbackOf(email), options);
      const again = await producer.feedback(feedbackOf(email), options);
      if (again.id !== id) throw new Error('the same key made a second job');
      const other = producer.feedback({ ...feedbackOf(email), subject: 'Something else' }, options);
      const refused = await other.catch((error: unknown) => error);
      if (!(refused instanceof IdempotencyConflictError)) throw new Error('the key was accepted with other data');
      return id;
    },
    expected: SUCCESS,
  },
  {
    title: "SendGrid's answer is lost, an event proves the mail",
    // SendGrid cannot be asked whether it sent the mail, so the worker never repeats it.
    failure: { of: 'sendgrid', method: 'POST', path: '/v3/mail/send', after: 'reset' },
    expected: SUCCESS,
  },
  {
    title: 'Zendesk refuses the ticket permanently',
    // The fake answers 422 to a ticket with this address.
    send: (service) => sendFeedback(service, 'refused@example.com'),
    expected: 'dead, 0 tickets, 0 mails, in the DLQ as ZendeskRejected',
  },
  {
    title: 'the worker crashes at every attempt',
    failure: { of: 'zendesk', ...ticketCall, before: 'hang', times: 'forever', kills: 'feedback' },
    expected: 'dead, 0 tickets, 0 mails, in the DLQ as CrashLoop',
  },
];

function outcomeOf({ zendesk, sendgrid, deadLetters }: Service, id: string, job: JobRow | undefined): string {
  const entry = deadLetters().find(({ attributes }) => attributes.job?.StringValue === id);
  const facts = [
    job?.state ?? 'sent',
    counted(zendesk.tickets.filter(({ external_id }) => external_id === id).length, 'ticket'),
    counted(sendgrid.mails.filter(({ customArgs }) => customArgs.job === id).length, 'mail'),
    job?.holds && `held ${counted(job.holds, 'time')}`,
    entry && `in the DLQ as ${entry.attributes.code?.StringValue}`,
  ];
  return facts.filter(Boolean).join(', ');
}

/** Whether nothing more happens to a job. Events of the fake SendGrid resolve its unknown steps. */
const hasEnded = (job: JobRow | undefined, outcome: string): boolean =>
  job?.recordedAt !== undefined &&
  Object.values(job.steps).every(({ status }) => status !== 'unknown') &&
  (job.state !== 'dead' || outcome.includes('in the DLQ'));

const LIMIT_MS = 300_000;
const POLL_MS = 250;
const HOUR_MS = 3_600_000;
const print = (text: string): void => void process.stdout.write(`${text}\n`);

async function watch(service: Service, { title, expected }: Scenario, id: string): Promise<string[]> {
  const begun = Date.now();
  let before = '';
  for (;;) {
    const job = await service.job(id);
    const outcome = outcomeOf(service, id, job);
    const done = Object.entries(job?.steps ?? {}).map(([name, { status }]) => `${name} ${status}`);
    const seconds = ((Date.now() - begun) / 1000).toFixed(1).padStart(5);
    if (outcome !== before) print(`  ${seconds} s  ${title}: ${[outcome, ...done].join(' · ')}`);
    if (hasEnded(job, outcome) || Date.now() > begun + LIMIT_MS)
      return outcome === expected ? [] : [`${title}: expected ${expected}, got ${outcome}`];
    before = outcome;
    await sleep(POLL_MS);
  }
}

/** What `sls verify` finds in all that a service on this machine has stored in the last hours. */
export async function verified({ config, ports: { clients }, zendesk }: Service): Promise<string[]> {
  const { url: endpoint, authorization } = zendesk;
  const now = Date.now();
  const source = verifySource(config, { ...clients, zendesk: { endpoint, authorization } });
  const { findings } = await verify(source, { from: now - 2 * HOUR_MS, to: now });
  return findings.map(({ kind, id, what }) => `${kind} of ${id}: ${what}`);
}

async function main(): Promise<void> {
  const begun = Date.now();
  print('Packaging the functions of serverless.yml …');
  const service = await startService({ packaged: await packageStage('local') });
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void service.stop().finally(() => process.exit(130)));
  print(`The service is running on ${service.endpoints.api}. Sending ${SCENARIOS.length} jobs …`);
  try {
    const watched: Promise<string[]>[] = [];
    // One after another, so that a worker that is killed has no other job of its queue.
    for (const [index, scenario] of SCENARIOS.entries()) {
      const { failure, send = sendFeedback } = scenario;
      const email = `user-${index}@example.com`;
      if (failure) {
        const { of, kills, ...request } = failure;
        service[of].fail({ ...request, bodyContains: email, ...(kills && killing(service, kills, email)) });
      }
      watched.push(watch(service, scenario, await send(service, email)));
    }
    const unexpected = (await Promise.all(watched)).flat();
    print('\nVerifying all that was stored …');
    const wrong = [...unexpected, ...(await verified(service)).map((finding) => `sls verify: ${finding}`)];
    for (const line of wrong) print(`NOT AS EXPECTED  ${line}`);
    const made = `${service.zendesk.tickets.length} tickets, ${service.sendgrid.mails.length} mails`;
    const seconds = Math.round((Date.now() - begun) / 1000);
    if (wrong.length > 0) process.exitCode = 1;
    else print(`Everything is as expected after ${seconds} s: ${made}, no duplicates.`);
  } finally {
    await service.stop();
  }
}

if (require.main === module) run(main);
