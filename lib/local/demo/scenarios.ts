import { killingFailure } from '../kill';
import { accepted, feedbackOf, type Scenario } from './scenario';
import { testflightScenarios } from './testflight-scenarios';

const DONE = { ticket: 'done', confirmation: 'done' };
const SUCCESS = { state: 'succeeded', steps: DONE, tickets: 1, mails: 1 } as const;
const ticketCall = { method: 'POST', path: '/api/v2/tickets' };

/** Everything that the demo sends; the API's refusal is tried beside, since it makes no job. */
export const scenarios: Scenario[] = [
  {
    title: 'a normal one',
    send: (client, marker) => accepted(client, feedbackOf(marker)),
    expected: SUCCESS,
  },
  {
    title: 'Zendesk says 429, Retry-After 8',
    prepare: ({ zendesk }, marker) =>
      zendesk.fail({ ...ticketCall, bodyContains: marker, status: 429, headers: { 'retry-after': '8' } }),
    send: (client, marker) => accepted(client, feedbackOf(marker)),
    // Longer than the function may run: it waits outside the queue, and nothing counts as an attempt.
    expected: { ...SUCCESS, holds: 1 },
  },
  {
    title: 'killed between ticket and e-mail',
    prepare: ({ zendesk, lambda }, marker) =>
      zendesk.fail(killingFailure(lambda, { functionKey: 'feedback', request: ticketCall, marker, effect: true })),
    send: (client, marker) => accepted(client, feedbackOf(marker)),
    expected: SUCCESS,
  },
  {
    title: 'the same key twice',
    async send(client, marker) {
      const key = { headers: { 'idempotency-key': `key of ${marker}` } };
      const id = await accepted(client, feedbackOf(marker), key);
      const again = await client.post(feedbackOf(marker), key);
      if (again.json.id !== id) throw new Error('the same key made a second job');
      const other = await client.post({ ...feedbackOf(marker), subject: 'Something else' }, key);
      if (other.status !== 409) throw new Error(`other data under the key was answered ${other.status} instead of 409`);
      return id;
    },
    expected: SUCCESS,
  },
  {
    title: "the mail's answer is lost, an event proves it",
    prepare: ({ sendgrid }, marker) =>
      sendgrid.fail({ method: 'POST', path: '/v3/mail/send', bodyContains: marker, after: 'reset' }),
    send: (client, marker) => accepted(client, feedbackOf(marker)),
    // Nobody can ask SendGrid whether it went out, so it is not sent again; SendGrid's own event tells in the end.
    expected: SUCCESS,
  },
  {
    title: 'Zendesk refuses it for good',
    // An address that the fake knows as suspended: 422.
    send: (client) => accepted(client, feedbackOf('suspended@example.com')),
    expected: { state: 'dead', deadLetter: 'ZendeskRejected', steps: {}, tickets: 0, mails: 0 },
  },
  {
    title: 'not valid, put on the queue directly',
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
    title: 'no job at all, put on the queue directly',
    send: async (client, marker) => `invalid/${(await client.enqueue('this is not JSON', marker)).messageId}`,
    expected: { state: 'dead', deadLetter: 'NotJson', steps: {}, tickets: 0, mails: 0 },
  },
  {
    title: 'its worker dies at every attempt',
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
