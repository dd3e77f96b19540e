import { killingFailure } from '../kill';
import { accepted, feedbackOf, type Scenario } from './scenario';
import { testflightScenarios } from './testflight-scenarios';

const DONE = { ticket: 'done', confirmation: 'done' };
const SUCCESS = { state: 'succeeded', steps: DONE, tickets: 1, mails: 1 } as const;
const ticketCall = { method: 'POST', path: '/api/v2/tickets' };

/** All jobs that the demo sends. The job that the API refuses is not among them. */
export const scenarios: Scenario[] = [
  {
    title: 'a normal job',
    send: (client, marker) => accepted(client, feedbackOf(marker)),
    expected: SUCCESS,
  },
  {
    title: 'Zendesk answers 429, Retry-After 8',
    prepare: ({ zendesk }, marker) =>
      zendesk.fail({ ...ticketCall, bodyContains: marker, status: 429, headers: { 'retry-after': '8' } }),
    send: (client, marker) => accepted(client, feedbackOf(marker)),
    // The wait is longer than the function may run, so the job is held. A wait does not count as an attempt.
    expected: { ...SUCCESS, holds: 1 },
  },
  {
    title: 'worker killed between ticket and e-mail',
    prepare: ({ zendesk, lambda }, marker) =>
      zendesk.fail(killingFailure(lambda, { functionKey: 'feedback', request: ticketCall, marker, effect: true })),
    send: (client, marker) => accepted(client, feedbackOf(marker)),
    expected: SUCCESS,
  },
  {
    title: 'the same idempotency key twice',
    async send(client, marker) {
      const key = { headers: { 'idempotency-key': `key of ${marker}` } };
      const id = await accepted(client, feedbackOf(marker), key);
      const again = await client.post(feedbackOf(marker), key);
      if (again.json.id !== id) throw new Error('the same key made a second job');
      const other = await client.post({ ...feedbackOf(marker), subject: 'Something else' }, key);
      if (other.status !== 409)
        throw new Error(`the API answered ${other.status} instead of 409 to other data under the same key`);
      return id;
    },
    expected: SUCCESS,
  },
  {
    title: "SendGrid's answer is lost, an event proves the e-mail",
    prepare: ({ sendgrid }, marker) =>
      sendgrid.fail({ method: 'POST', path: '/v3/mail/send', bodyContains: marker, after: 'reset' }),
    send: (client, marker) => accepted(client, feedbackOf(marker)),
    // SendGrid cannot be asked whether it sent the e-mail, so the worker never repeats it. SendGrid's event resolves
    // the step.
    expected: SUCCESS,
  },
  {
    title: 'Zendesk refuses the ticket permanently',
    // The fake knows this user as suspended and answers 422.
    send: (client) => accepted(client, feedbackOf('suspended@example.com')),
    expected: { state: 'dead', deadLetter: 'ZendeskRejected', steps: {}, tickets: 0, mails: 0 },
  },
  {
    title: 'an invalid job, sent straight to the queue',
    async send(client, marker) {
      const id = crypto.randomUUID();
      const envelope = {
        specversion: '1.0',
        id,
        type: 'feedback.submitted.v1',
        source: 'urn:example:demo',
        time: new Date().toISOString(),
        data: { ...feedbackOf(marker), message: undefined },
      };
      await client.enqueue(JSON.stringify(envelope), marker);
      return id;
    },
    expected: { state: 'dead', deadLetter: 'InvalidField', steps: {}, tickets: 0, mails: 0 },
  },
  {
    title: 'not a job at all, sent straight to the queue',
    send: async (client, marker) => `invalid/${(await client.enqueue('this is not JSON', marker)).messageId}`,
    expected: { state: 'dead', deadLetter: 'NotJson', steps: {}, tickets: 0, mails: 0 },
  },
  {
    title: 'the worker crashes at every attempt',
    prepare: ({ zendesk, lambda }, marker) =>
      zendesk.fail(
        killingFailure(lambda, {
          functionKey: 'feedback',
          request: { ...ticketCall, times: 'forever' },
          marker,
          effect: false,
        }),
      ),
    send: (client, marker) => accepted(client, feedbackOf(marker)),
    expected: { state: 'dead', deadLetter: 'CrashLoop', steps: {}, tickets: 0, mails: 0 },
  },
  ...testflightScenarios,
];
