import { randomUUID } from 'node:crypto';
import type { FeedbackInput } from '../../feedback/message';
import type { State } from '../../jobs/row';
import { LOCAL_APP, MAILING_APP } from '../fakes/app-store-connect-seed';
import type { Failure } from '../fakes/failures';
import type { Lambda } from '../lambda/runtime';
import type { Service } from '../service';

/** The expected outcome of a job. */
export interface Expected {
  state: State;
  /** The error code of a job that must be in the DLQ. */
  deadLetter?: string;
  steps: Record<string, string>;
  /** How often the job waited outside the queue. */
  holds?: number;
  tickets: number;
  mails: number;
}

/** One thing that happens to a job, and the expected outcome. */
export interface Scenario {
  title: string;
  /** Orders the failures that the job meets. Its message and every request about it contain `marker`. */
  prepare?(service: Service, marker: string): void;
  /** Sends the job and returns its id. Throws if the answer is wrong. The default is feedback of its own user. */
  send?(service: Service, marker: string): Promise<string>;
  expected: Expected;
}

/** Posts JSON to the API, feedback by default. */
export async function post(
  { api }: Pick<Service, 'api'>,
  body: unknown,
  { headers = {}, path = '/feedback' }: { headers?: Record<string, string>; path?: string } = {},
): Promise<{ status: number; json: Record<string, unknown> }> {
  const answer = await fetch(api + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
}

/** Posts a job that the API must accept, and returns its id. */
export async function accepted(...request: Parameters<typeof post>): Promise<string> {
  const { status, json } = await post(...request);
  if (status !== 202) throw new Error(`the API answered ${status} instead of 202`);
  return String(json.id);
}

/** Sends a message straight to the feedback queue, without the API. Returns its message id. */
async function enqueue({ declared, ports }: Service, body: string, groupId: string): Promise<string> {
  const queue = declared.mappings.find(({ worker }) => worker.key === 'feedback')?.queue;
  const url = declared.queues.find(({ name }) => name === queue)?.url ?? '';
  return (await ports.queues.send(url, { body, groupId, deduplicationId: randomUUID() })).messageId;
}

/** Feedback of its own user, so that each scenario has its own message group. */
export const feedbackOf = (marker: string): FeedbackInput => ({
  user: { email: marker, name: 'Example User' },
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
  {
    functionKey,
    request,
    marker,
    effect,
  }: { functionKey: string; request: Pick<Failure, 'method' | 'path' | 'times'>; marker: string; effect: boolean },
): Failure => ({
  ...request,
  bodyContains: marker,
  ...(effect ? { after: 'hang' } : { before: 'hang' }),
  // The fake checks this last, so it runs only for the chosen request.
  matches: () => {
    lambda.kill(functionKey, (event) => JSON.stringify(event).includes(marker));
    return true;
  },
});

const SUCCESS = {
  state: 'succeeded',
  steps: { ticket: 'done', confirmation: 'done' },
  tickets: 1,
  mails: 1,
} as const;
const INVITED = {
  state: 'succeeded',
  steps: { tester: 'done', membership: 'done', invitation: 'done' },
  tickets: 0,
  mails: 0,
} as const;
const dead = (deadLetter: string): Expected => ({ state: 'dead', deadLetter, steps: {}, tickets: 0, mails: 0 });
const ticketCall = { method: 'POST', path: '/api/v2/tickets' };

/** All jobs that the demo sends: feedback and its failures, and two testers. */
export const scenarios: Scenario[] = [
  { title: 'a normal job', expected: SUCCESS },
  {
    title: 'Zendesk answers 429, Retry-After 8',
    prepare: ({ zendesk }, marker) =>
      zendesk.fail({ ...ticketCall, bodyContains: marker, status: 429, headers: { 'retry-after': '8' } }),
    // The wait is longer than the function may run, so the job is held. A wait does not count as an attempt.
    expected: { ...SUCCESS, holds: 1 },
  },
  {
    title: 'worker killed between ticket and e-mail',
    prepare: ({ zendesk, lambda }, marker) =>
      zendesk.fail(killingFailure(lambda, { functionKey: 'feedback', request: ticketCall, marker, effect: true })),
    expected: SUCCESS,
  },
  {
    title: 'the same idempotency key twice',
    async send(service, marker) {
      const headers = { 'idempotency-key': `key of ${marker}` };
      const id = await accepted(service, feedbackOf(marker), { headers });
      const again = await post(service, feedbackOf(marker), { headers });
      if (again.json.id !== id) throw new Error('the same key made a second job');
      const other = await post(service, { ...feedbackOf(marker), subject: 'Something else' }, { headers });
      if (other.status !== 409)
        throw new Error(`the API answered ${other.status} instead of 409 to other data under the same key`);
      return id;
    },
    expected: SUCCESS,
  },
  {
    title: "SendGrid's answer is lost, an event proves the e-mail",
    // SendGrid cannot be asked whether it sent the e-mail, so the worker never repeats it.
    prepare: ({ sendgrid }, marker) =>
      sendgrid.fail({ method: 'POST', path: '/v3/mail/send', bodyContains: marker, after: 'reset' }),
    expected: SUCCESS,
  },
  {
    title: 'Zendesk refuses the ticket permanently',
    // The fake knows this user as suspended and answers 422.
    send: (service) => accepted(service, feedbackOf('suspended@example.com')),
    expected: dead('ZendeskRejected'),
  },
  {
    title: 'an invalid job, sent straight to the queue',
    async send(service, marker) {
      const id = randomUUID();
      const head = { specversion: '1.0', id, type: 'feedback.submitted.v1', source: 'urn:example:demo' };
      const data = { ...feedbackOf(marker), message: undefined };
      await enqueue(service, JSON.stringify({ ...head, time: new Date().toISOString(), data }), marker);
      return id;
    },
    expected: dead('InvalidField'),
  },
  {
    title: 'not a job at all, sent straight to the queue',
    send: async (service, marker) => `invalid/${await enqueue(service, 'this is not JSON', marker)}`,
    expected: dead('NotJson'),
  },
  {
    title: 'the worker crashes at every attempt',
    prepare: ({ zendesk, lambda }, marker) => {
      const request = { ...ticketCall, times: 'forever' as const };
      zendesk.fail(killingFailure(lambda, { functionKey: 'feedback', request, marker, effect: false }));
    },
    expected: dead('CrashLoop'),
  },
  {
    title: 'a new tester, with an e-mail of our own',
    send: (service, email) =>
      accepted(
        service,
        {
          action: 'invite',
          app: LOCAL_APP.id,
          email,
          groups: [LOCAL_APP.group],
          notification: { appName: 'Example' },
        },
        { path: '/testflight' },
      ),
    expected: { ...INVITED, steps: { ...INVITED.steps, notification: 'done' }, mails: 1 },
  },
  {
    title: 'worker killed while Apple adds the tester',
    prepare: ({ appStoreConnect, lambda }, marker) => {
      const request = { method: 'POST', path: '/v1/betaTesters' };
      appStoreConnect.fail(killingFailure(lambda, { functionKey: 'testflight', request, marker, effect: true }));
    },
    send: (service, email) => {
      const invitation = { action: 'invite', app: MAILING_APP.id, email, groups: [MAILING_APP.group] };
      return accepted(service, invitation, { path: '/testflight' });
    },
    expected: INVITED,
  },
];
