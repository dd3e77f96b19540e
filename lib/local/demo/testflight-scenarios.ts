import { EMPTY_APP, LOCAL_APP, MAILING_APP } from '../fakes/app-store-connect-seed';
import { killingFailure } from '../kill';
import type { Service } from '../service';
import { accepted, type Client, type Scenario } from './scenario';

const STEPS = { tester: 'done', membership: 'done', invitation: 'done' };
const INVITED = { state: 'succeeded', steps: STEPS, tickets: 0, mails: 0 } as const;

interface App {
  id: string;
  group: string;
}

const invite = (client: Client, { id, group }: App, email: string, more: object = {}): Promise<string> =>
  accepted(client, { action: 'invite', app: id, email, groups: [group], ...more }, { path: '/testflight' });

/** Whether Apple has mailed this address as often as it should. */
const mailed =
  (times: number, address?: string) =>
  ({ appStoreConnect }: Service, marker: string): string[] => {
    const mails = appStoreConnect.mails.filter(({ email }) => email === (address ?? marker)).length;
    return mails === times ? [] : [`Apple's mails must be ${times}, are ${mails}`];
  };

/** Testers who are new, known and refused, an app without a build, and a build that testers hear of. */
export const testflightScenarios: Scenario[] = [
  {
    title: 'a new tester, with a mail of our own',
    send: (client, marker) => invite(client, LOCAL_APP, marker, { notification: { appName: 'Example' } }),
    expected: {
      ...INVITED,
      steps: { ...STEPS, notification: 'done' },
      result: { invitation: 'sent', notification: 'sent' },
      mails: 1,
    },
    also: mailed(1),
  },
  {
    title: 'a tester who is invited already',
    send: (client) => invite(client, LOCAL_APP, 'invited@example.com'),
    expected: { ...INVITED, result: { invitation: 'already-invited' } },
    also: mailed(0, 'invited@example.com'),
  },
  {
    title: 'a tester who has accepted',
    send: (client) => invite(client, LOCAL_APP, 'accepted@example.com'),
    expected: { ...INVITED, result: { invitation: 'already-accepted' } },
    also: mailed(0, 'accepted@example.com'),
  },
  {
    title: 'a tester of an app without a build',
    send: (client, marker) => invite(client, EMPTY_APP, marker),
    expected: { ...INVITED, result: { invitation: 'pending-build' } },
    also: mailed(0),
  },
  {
    title: 'a tester whose address Apple refuses',
    send: (client) => invite(client, LOCAL_APP, 'refused@example.com'),
    expected: { state: 'dead', deadLetter: 'AppStoreConnectConflict', steps: {}, tickets: 0, mails: 0 },
    also: mailed(0, 'refused@example.com'),
  },
  {
    title: 'killed as Apple takes the tester',
    prepare: ({ appStoreConnect, lambda }, marker) =>
      appStoreConnect.fail(
        killingFailure(lambda, {
          functionKey: 'testflight',
          request: { method: 'POST', path: '/v1/betaTesters' },
          marker,
          effect: true,
        }),
      ),
    send: (client, marker) => invite(client, MAILING_APP, marker),
    // Apple mails who comes into a group of this app.
    expected: { ...INVITED, result: { invitation: 'by-apple' } },
    also: mailed(1),
  },
  {
    title: 'testers hear of a build',
    send: (client) =>
      accepted(client, { action: 'notify-build', app: LOCAL_APP.id, build: LOCAL_APP.build }, { path: '/testflight' }),
    expected: { ...INVITED, steps: { notification: 'done' }, result: { notification: 'sent' } },
  },
];
