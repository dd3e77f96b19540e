import { askVendors } from '../../../packages/cli/vendors';
import { startFakeAppStoreConnect } from '../../../packages/local/fakes/app-store-connect';
import { startFakeSendgrid } from '../../../packages/local/fakes/sendgrid';
import { startFakeZendesk } from '../../../packages/local/fakes/zendesk';
import { TEAM } from '../../support/testflight';

const GOOD = {
  ...{ ZENDESK_EMAIL: 'agent@example.com', ZENDESK_TOKEN: 'right', SENDGRID_API_KEY: 'right', APPS: '42:a-group,43' },
  ...{ APP_STORE_CONNECT_ISSUER_ID: TEAM.issuerId, APP_STORE_CONNECT_KEY_ID: TEAM.keyId },
  APP_STORE_CONNECT_PRIVATE_KEY: TEAM.privateKey,
};
const TAKES = [
  'it takes the token of agent@example.com, who may search tickets',
  'it takes the key, which may send mail',
  'it takes the key, which may search testers',
];
const REFUSED = (prefix: string) => `the vendor refuses our credentials (${prefix}Unauthorized)`;
test.each<[string, object, string[], string[]?]>([
  ['right keys', {}, TAKES],
  [
    'wrong keys',
    { ZENDESK_TOKEN: 'wrong', SENDGRID_API_KEY: 'wrong', APP_STORE_CONNECT_KEY_ID: 'WRONG12345' },
    [REFUSED('Zendesk'), REFUSED('Sendgrid'), REFUSED('AppStoreConnect')],
  ],
  [
    'a key without mail.send',
    {},
    [TAKES[0] ?? '', 'it takes the key, which may not send mail (it lacks the scope mail.send)', TAKES[2] ?? ''],
    ['alerts.read'],
  ],
  [
    'no key, and a key that is none',
    { SENDGRID_API_KEY: '', APP_STORE_CONNECT_PRIVATE_KEY: 'secret words' },
    [TAKES[0] ?? '', 'the private key is not a P-256 key in PKCS #8 PEM (AppStoreConnectMisconfigured)'],
  ],
  [
    'another host',
    { ZENDESK_ENDPOINT: 'http://127.0.0.1:1/api/v2' },
    ['the vendor could not be reached (unreachable) (ZendeskUnavailable)', ...TAKES.slice(1)],
  ],
])(
  'with %s, each vendor is asked once, and the answer is in words',
  async (_what, changes, said, scopes = ['mail.send']) => {
    const [zendesk, sendgrid, apple] = await Promise.all([
      startFakeZendesk({ email: GOOD.ZENDESK_EMAIL, token: 'right' }),
      startFakeSendgrid({ apiKey: 'right', scopes }),
      startFakeAppStoreConnect({ ...TEAM, apps: [], testers: [] }),
    ]);
    const at = {
      ZENDESK_ENDPOINT: zendesk.url,
      SENDGRID_ENDPOINT: sendgrid.url,
      APP_STORE_CONNECT_ENDPOINT: apple.url,
    };

    const answers = await askVendors({ ...at, ...GOOD, ...changes }, {});
    await Promise.all([zendesk, sendgrid, apple].map(({ close }) => close()));

    expect(answers.map((answer) => answer.said)).toEqual(said);
    expect(answers.map(({ works }) => works)).toEqual(said.map((words) => TAKES.includes(words)));
    expect([zendesk.tickets, sendgrid.mails, apple.testers]).toEqual([[], [], []]);
    expect(JSON.stringify(answers)).not.toContain('secret words');
  },
);
