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

/** Checks how many e-mails Apple has sent to this address. */
const mailed =
  (times: number, address?: string) =>
  ({ appStoreConnect }: Service, marker: string): string[] => {
    const mails = appStoreConnect.mails.filter(({ email }) => email === (address ?? marker)).length;
    return mails === times ? [] : [`e-mails from Apple: expected ${times}, got ${mails}`];
  };

/** Testers who are new, known or refused, an app without a build, and a build notification. */
export const testflightScenarios: Scenario[] = [
  {
    title: 'a new tester, with an e-mail of our own',
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
    title: 'a tester who was already invited',
    send: (client) => invite(client, LOCAL_APP, 'invited@example.com'),
    expected: { ...INVITED, result: { invitation: 'already-invited' } },
    also: mailed(0, 'invited@example.com'),
  },
  {
    title: 'a tester who already accepted',
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
    title: 'worker killed while Apple adds the tester',
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
    // In this app Apple e-mails each tester who joins a group.
    expected: { ...INVITED, result: { invitation: 'by-apple' } },
    also: mailed(1),
  },
  {
    title: 'testers are notified of a build',
    send: (client) =>
      accepted(client, { action: 'notify-build', app: LOCAL_APP.id, build: LOCAL_APP.build }, { path: '/testflight' }),
    expected: { ...INVITED, steps: { notification: 'done' }, result: { notification: 'sent' } },
  },
];
