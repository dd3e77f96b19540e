import { LOCAL_APP, MAILING_APP } from '../fakes/app-store-connect-seed';
import { killingFailure } from '../kill';
import { feedbackOf, type Scenario } from './scenario';

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
const NOTHING = { steps: {}, tickets: 0, mails: 0 } as const;
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
    async send(client, marker) {
      const headers = { 'idempotency-key': `key of ${marker}` };
      const id = await client.accepted(feedbackOf(marker), { headers });
      const again = await client.post(feedbackOf(marker), headers);
      if (again.json.id !== id) throw new Error('the same key made a second job');
      const other = await client.post({ ...feedbackOf(marker), subject: 'Something else' }, headers);
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
    send: (client) => client.accepted(feedbackOf('suspended@example.com')),
    expected: { ...NOTHING, state: 'dead', deadLetter: 'ZendeskRejected' },
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
    expected: { ...NOTHING, state: 'dead', deadLetter: 'InvalidField' },
  },
  {
    title: 'not a job at all, sent straight to the queue',
    send: async (client, marker) => `invalid/${(await client.enqueue('this is not JSON', marker)).messageId}`,
    expected: { ...NOTHING, state: 'dead', deadLetter: 'NotJson' },
  },
  {
    title: 'the worker crashes at every attempt',
    prepare: ({ zendesk, lambda }, marker) => {
      const request = { ...ticketCall, times: 'forever' as const };
      zendesk.fail(killingFailure(lambda, { functionKey: 'feedback', request, marker, effect: false }));
    },
    expected: { ...NOTHING, state: 'dead', deadLetter: 'CrashLoop' },
  },
  {
    title: 'a new tester, with an e-mail of our own',
    send: (client, email) =>
      client.accepted(
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
    send: (client, email) =>
      client.accepted(
        { action: 'invite', app: MAILING_APP.id, email, groups: [MAILING_APP.group] },
        { path: '/testflight' },
      ),
    expected: INVITED,
  },
];
