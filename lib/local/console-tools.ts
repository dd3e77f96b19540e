import type { Break, LocalTools, LocalVendor } from '../console/deps';
import { OperatorError } from '../ops/operator';
import type { Producer } from '../producer/producer';
import type { FakeVendors } from './fake-vendors';
import { LOCAL_APP } from './fakes/app-store-connect-seed';
import type { Failure } from './fakes/failures';
import type { FakeServer } from './fakes/server';

/** A page with more rows is too long to read. */
const MOST_ROWS = 50;
/** The readers of the sample campaign. The fake takes 500 a second. */
const READERS = 5_000;

/** How a fake fails, from the click until it recovers. */
const FAILURES: Record<Break, Failure> = {
  down: { down: true },
  slow: { delayMs: 5_000, times: 'forever' },
  429: { status: 429, headers: { 'retry-after': '30' }, body: {}, times: 'forever' },
  401: { status: 401, body: {}, times: 'forever' },
  lost: { after: 'reset', times: 'forever' },
};

/** What the console can do with the fakes of this machine. */
export function consoleTools(vendors: FakeVendors, producer: Producer): LocalTools {
  const broken = new Map<string, Set<Break>>();
  const fakes = fakesOf(vendors);
  const fakeOf = (name: string): FakeServer => {
    const fake = fakes.find((one) => one.name === name)?.fake;
    if (!fake) throw new OperatorError('There is no such vendor.');
    return fake;
  };
  return {
    vendors: () => fakes.map(({ name, tables }) => ({ name, tables: tables(), breaks: [...(broken.get(name) ?? [])] })),
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
      const [queue, send] = (Object.hasOwn(SAMPLES, sample) && SAMPLES[sample]) || [];
      if (!queue || !send) throw new OperatorError('There is no such sample.');
      return { queue, id: (await send(producer)).id };
    },
  };
}

const feedbackOf = (email: string) => ({
  user: { email, name: 'Sample Person' },
  subject: 'A sample',
  message: 'The console sent this.',
});
const testerOf = (email: string) => ({ app: LOCAL_APP.id, email, groups: [LOCAL_APP.group] });
const mail = { from: { email: 'sender@example.com' }, subject: 'A sample', text: 'The console sent this.' };

/** Jobs that a click sends. The fakes refuse two of them. */
const SAMPLES: Record<string, [queue: string, send: (producer: Producer) => Promise<{ id: string }>]> = {
  'A feedback': ['feedback', ({ feedback }) => feedback(feedbackOf('person@example.com'))],
  'A feedback that Zendesk refuses': ['feedback', ({ feedback }) => feedback(feedbackOf('suspended@example.com'))],
  'A mail': ['emails', ({ email }) => email({ ...mail, to: { email: 'reader@example.com' } })],
  'A campaign': [
    'emails',
    ({ campaign }) =>
      campaign(
        { ...mail, name: 'A sample', unsubscribe: { link: 'https://example.com/leave' } },
        Array.from({ length: READERS }, (_, n) => ({ email: `reader-${n}@example.com` })),
      ),
  ],
  'A tester': ['testflight', ({ invite }) => invite(testerOf('tester@example.com'))],
  'A tester whom Apple refuses': ['testflight', ({ invite }) => invite(testerOf('refused@example.com'))],
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

interface Shown {
  name: string;
  fake: FakeServer;
  tables: () => LocalVendor['tables'];
}

const fakesOf = ({ zendesk, sendgrid, appStoreConnect, discord }: FakeVendors): Shown[] => [
  {
    name: 'Zendesk',
    fake: zendesk,
    tables: () => [
      table('tickets', zendesk.tickets, ['id', 'requester_id', 'subject', 'external_id', 'created_at']),
      table('users', zendesk.users, ['id', 'email']),
    ],
  },
  {
    name: 'SendGrid',
    fake: sendgrid,
    tables: () => [table('mails', sendgrid.mails, ['to', 'from', 'subject', 'templateId'])],
  },
  {
    name: 'App Store Connect',
    fake: appStoreConnect,
    tables: () => [
      table('testers', appStoreConnect.testers, ['email', 'app', 'state']),
      table('mails', appStoreConnect.mails, ['kind', 'app', 'email', 'by']),
    ],
  },
  {
    name: 'Discord',
    fake: discord,
    tables: () => {
      const messages = discord.messages.map(({ embeds, content }) => ({ message: embeds[0]?.title ?? content }));
      return [table('messages', messages, ['message'])];
    },
  },
];
