import type { Break, LocalTools, LocalVendor } from '../console/local-tools';
import { OperatorError } from '../ops/operator';
import type { Producer } from '../producer/producer';
import type { FakeVendors } from './fake-vendors';
import { LOCAL_APP } from './fakes/app-store-connect-seed';
import type { Failure } from './fakes/failures';
import type { FakeServer } from './fakes/server';

type VendorName = 'Zendesk' | 'SendGrid' | 'App Store Connect' | 'Discord';

const SLOW_MS = 5_000;
const WAIT_SECONDS = '30';
/** A page with more is too long to read. */
const MOST_ROWS = 50;

/** Of the sample campaign. The fake takes 500 a second. */
const READERS = 5_000;

/** How a fake fails, from the click until it recovers. */
const FAILURES: Record<Break, Failure> = {
  down: { down: true },
  slow: { delayMs: SLOW_MS, times: 'forever' },
  429: { status: 429, headers: { 'retry-after': WAIT_SECONDS }, body: {}, times: 'forever' },
  401: { status: 401, body: {}, times: 'forever' },
  lost: { after: 'reset', times: 'forever' },
};

/** What the console can do with the fakes of this machine. */
export function consoleTools(vendors: FakeVendors, producer: Producer): LocalTools {
  const broken = new Map<string, Set<Break>>();
  const fakes: Record<VendorName, FakeServer> = {
    Zendesk: vendors.zendesk,
    SendGrid: vendors.sendgrid,
    'App Store Connect': vendors.appStoreConnect,
    Discord: vendors.discord,
  };
  const fakeOf = (name: string): FakeServer => {
    const fake = Object.hasOwn(fakes, name) ? fakes[name as VendorName] : undefined;
    if (!fake) throw new OperatorError('There is no such vendor.');
    return fake;
  };
  return {
    vendors: () =>
      Object.entries(tablesOf(vendors)).map(([name, tables]) => ({
        name,
        tables,
        breaks: [...(broken.get(name) ?? [])],
      })),
    break: async (name, how) => {
      fakeOf(name).fail(FAILURES[how]);
      broken.set(name, new Set([...(broken.get(name) ?? []), how]));
    },
    recover: async (name) => {
      await fakeOf(name).recover();
      broken.delete(name);
    },
    samples: Object.keys(SAMPLES),
    send: async (sample) => {
      const made = Object.hasOwn(SAMPLES, sample) ? SAMPLES[sample as keyof typeof SAMPLES] : undefined;
      if (!made) throw new OperatorError('There is no such sample.');
      return made(producer);
    },
  };
}

type Sent = Promise<{ id: string }>;
const sent = async (queue: string, accepted: Sent) => ({ queue, id: (await accepted).id });
const person = (email: string) => ({
  user: { email, name: 'Sample Person' },
  subject: 'A sample',
  message: 'The console sent this.',
});

/** Jobs that a click sends. The fakes refuse two of them. */
const SAMPLES = {
  'A feedback': (producer: Producer) => sent('feedback', producer.feedback(person('person@example.com'))),
  'A feedback that Zendesk refuses': (producer: Producer) =>
    sent('feedback', producer.feedback(person('suspended@example.com'))),
  'A mail': (producer: Producer) =>
    sent(
      'emails',
      producer.email({
        from: { email: 'sender@example.com' },
        to: { email: 'reader@example.com' },
        subject: 'A sample',
        text: 'The console sent this.',
      }),
    ),
  'A campaign': (producer: Producer) =>
    sent(
      'emails',
      producer.campaign(
        {
          name: 'A sample',
          from: { email: 'sender@example.com' },
          subject: 'A sample',
          text: 'The console sent this.',
          unsubscribe: { link: 'https://example.com/leave' },
        },
        Array.from({ length: READERS }, (_, n) => ({ email: `reader-${n}@example.com` })),
      ),
    ),
  'A tester': (producer: Producer) =>
    sent('testflight', producer.invite({ app: LOCAL_APP.id, email: 'tester@example.com', groups: [LOCAL_APP.group] })),
  'A tester whom Apple refuses': (producer: Producer) =>
    sent('testflight', producer.invite({ app: LOCAL_APP.id, email: 'refused@example.com', groups: [LOCAL_APP.group] })),
};

/** A table of what a fake took, the newest first: the fields of each thing. */
const table = <T extends object>(name: string, taken: readonly T[], head: (keyof T & string)[]) => ({
  name,
  head,
  rows: taken
    .slice(-MOST_ROWS)
    .toReversed()
    .map((one) => head.map((field) => String(one[field] ?? ''))),
});

const tablesOf = (vendors: FakeVendors): Record<VendorName, LocalVendor['tables']> => ({
  Zendesk: [
    table('tickets', vendors.zendesk.tickets, ['id', 'requester_id', 'subject', 'external_id', 'created_at']),
    table('users', vendors.zendesk.users, ['id', 'email']),
  ],
  SendGrid: [table('mails', vendors.sendgrid.mails, ['to', 'from', 'subject', 'templateId'])],
  'App Store Connect': [
    table('testers', vendors.appStoreConnect.testers, ['email', 'app', 'state']),
    table('mails', vendors.appStoreConnect.mails, ['kind', 'app', 'email', 'by']),
  ],
  Discord: [
    table(
      'messages',
      vendors.discord.messages.map(({ embeds, content }) => ({ message: embeds[0]?.title ?? content })),
      ['message'],
    ),
  ],
});
