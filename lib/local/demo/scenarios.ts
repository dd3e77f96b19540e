import { randomUUID } from 'node:crypto';
import type { FeedbackInput } from '../../feedback/message';
import type { State } from '../../jobs/row';
import { IdempotencyConflictError } from '../../producer/errors';
import { LOCAL_APP } from '../fakes/app-store-connect';
import type { Failure } from '../fakes/server';
import type { Lambda } from '../lambda/runtime';
import type { Service } from '../service';

/** The expected outcome of a job. */
export interface Expected {
  state: State;
  /** The error code of a job that must be in the DLQ. */
  deadLetter?: string;
  /** How often the job waited outside the queue. */
  holds?: number;
  tickets: number;
  mails: number;
}

/** One thing that happens to a job, and the expected outcome. */
export interface Scenario {
  title: string;
  /** Orders the failures that the job meets. Its message and every request about it contain `email`. */
  prepare?(service: Service, email: string): void;
  /** Sends the job and returns its id. The default is feedback of its own user. */
  send?(service: Service, email: string): Promise<string>;
  expected: Expected;
}

/** Feedback of its own user, so that each scenario has its own message group. */
export const feedbackOf = (email: string): FeedbackInput => ({
  user: { email, name: 'Example User' },
  subject: 'The export button does nothing',
  message: 'I press Export and nothing happens.\nIt worked last week.',
  type: 'problem',
  tags: ['export'],
});

/**
 * A failure for a fake vendor that kills the worker that calls, before it can write anything. Every await that matters in
 * a worker is a request, so a test can crash the worker at a chosen line. `marker`: text in the message of the worker's
 * job. `effect`: whether the request still takes effect at the vendor.
 */
export const killingFailure = (
  lambda: Pick<Lambda, 'kill'>,
  { worker, request, marker, effect }: { worker: string; request: Failure; marker: string; effect: boolean },
): Failure => ({
  ...request,
  bodyContains: marker,
  ...(effect ? { after: 'hang' } : { before: 'hang' }),
  // The fake checks this last, so it runs only for the chosen request.
  matches: () => {
    lambda.kill(worker, (event) => JSON.stringify(event).includes(marker));
    return true;
  },
});

const SUCCESS: Expected = { state: 'succeeded', tickets: 1, mails: 1 };
const dead = (deadLetter: string): Expected => ({ state: 'dead', deadLetter, tickets: 0, mails: 0 });
const ticketCall = { method: 'POST', path: '/api/v2/tickets' };

/** All jobs that the demo sends: feedback and its failures, and a tester. */
export const scenarios: Scenario[] = [
  { title: 'a normal job', expected: SUCCESS },
  {
    title: 'Zendesk answers 429, Retry-After 8',
    prepare: ({ zendesk }, email) =>
      zendesk.fail({ ...ticketCall, bodyContains: email, status: 429, headers: { 'retry-after': '8' } }),
    // The wait is longer than the function may run, so the job is held. A wait does not count as an attempt.
    expected: { ...SUCCESS, holds: 1 },
  },
  {
    title: 'worker killed between ticket and e-mail',
    prepare: ({ zendesk, lambda }, marker) =>
      zendesk.fail(killingFailure(lambda, { worker: 'feedback', request: ticketCall, marker, effect: true })),
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
    title: "SendGrid's answer is lost, an event proves the e-mail",
    // SendGrid cannot be asked whether it sent the e-mail, so the worker never repeats it.
    prepare: ({ sendgrid }, email) =>
      sendgrid.fail({ method: 'POST', path: '/v3/mail/send', bodyContains: email, after: 'reset' }),
    expected: SUCCESS,
  },
  {
    title: 'Zendesk refuses the ticket permanently',
    // The fake knows this user as suspended and answers 422.
    send: async ({ producer }) => (await producer.feedback(feedbackOf('suspended@example.com'))).id,
    expected: dead('ZendeskRejected'),
  },
  {
    title: 'not a job at all, sent straight to the queue',
    async send({ declared, ports }, groupId) {
      const queue = declared.mappings.find(({ worker }) => worker.key === 'feedback')?.queue;
      const url = declared.queues.find(({ name }) => name === queue)?.url ?? '';
      const message = { body: 'this is not JSON', groupId, deduplicationId: randomUUID() };
      return `invalid/${(await ports.queues.send(url, message)).messageId}`;
    },
    expected: dead('NotJson'),
  },
  {
    title: 'the worker crashes at every attempt',
    prepare: ({ zendesk, lambda }, marker) => {
      const request = { ...ticketCall, times: 'forever' as const };
      zendesk.fail(killingFailure(lambda, { worker: 'feedback', request, marker, effect: false }));
    },
    expected: dead('CrashLoop'),
  },
  {
    title: 'a new tester, whose worker is killed while Apple adds them',
    prepare: ({ appStoreConnect, lambda }, marker) => {
      const request = { method: 'POST', path: '/v1/betaTesters' };
      appStoreConnect.fail(killingFailure(lambda, { worker: 'testflight', request, marker, effect: true }));
    },
    send: async ({ producer }, email) => {
      const { id: app, group } = LOCAL_APP;
      const { id } = await producer.invite({ app, email, groups: [group], notification: { appName: 'Example' } });
      return id;
    },
    expected: { state: 'succeeded', tickets: 0, mails: 1 },
  },
];
