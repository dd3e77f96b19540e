import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { StoreError } from '../../../lib/errors';
import { type AppStoreConnect, realAppStoreConnect } from '../../../lib/vendors/app-store-connect';
import {
  type FakeAppStoreConnect,
  fakePrivateKey,
  startFakeAppStoreConnect,
  tokenProblem,
} from '../../../packages/local/fakes/app-store-connect';
import type { Failure } from '../../../packages/local/fakes/server';
import { APP, BUILD, GROUP, seed, TEAM } from '../../support/testflight';
import { allTextOf, caught, secretOf } from '../../support/vendors';

const ADDRESS = 'planted-user@example.com';
const MINUTE_MS = 60_000;
let now = Date.parse('2026-03-01T12:00:00Z');
let fake: FakeAppStoreConnect;
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

const tester = '00000000-0000-4000-8000-000000000001';
const options = { timeoutMs: 5000 };
/** All calls by name: first the reads, then the changes. */
const READS = {
  find: (apple: AppStoreConnect) => apple.findTester({ email: ADDRESS, app: APP }, options),
  groups: (apple: AppStoreConnect) => apple.groupsOf(tester, options),
};
const CHANGES = {
  create: (apple: AppStoreConnect) =>
    apple.createTester({ email: ADDRESS, firstName: 'Planted', groups: [GROUP] }, options),
  add: (apple: AppStoreConnect) => apple.addToGroup({ tester, group: GROUP }, options),
  remove: (apple: AppStoreConnect) => apple.removeFromGroup({ tester, group: GROUP }, options),
  leave: (apple: AppStoreConnect) => apple.removeFromApp({ tester, app: APP }, options),
  invite: (apple: AppStoreConnect) => apple.invite({ tester, app: APP }, options),
  notify: (apple: AppStoreConnect) => apple.notifyBuild(BUILD, options),
};
const changes = Object.entries(CHANGES);
const all = [...Object.entries(READS), ...changes];

const answer = (status: number, code: string, changes: object = {}): Failure => ({
  status,
  body: { errors: [{ status: String(status), code, title: ADDRESS, detail: ADDRESS, ...changes }] },
  times: 'forever',
});
const tokens = () => fake.requests.map(({ headers }) => headers.authorization);

describe('the token', () => {
  test('is valid for Apple and is reused until shortly before it expires', async () => {
    const apple = appleWith();
    await READS.find(apple);
    now += 15 * MINUTE_MS;
    await READS.find(apple);
    now += 4 * MINUTE_MS;
    await READS.find(apple);

    const [first, second, third] = tokens();
    expect(second).toBe(first);
    expect(third).not.toBe(first);
    const team = { ...TEAM, publicKey: createPublicKey(TEAM.privateKey) };
    expect(await tokenProblem(third, team, now)).toBeUndefined();
    expect(await tokenProblem(first, team, now)).toContain('JWTExpired');
  });

  test("is valid even if our clock is nearly a minute ahead of Apple's", async () => {
    const apple = appleWith(undefined, () => now + 55_000);

    await expect(READS.find(apple)).resolves.toBeUndefined();
  });

  test('is made again once with a fresh key when Apple refuses it', async () => {
    const privateKey = secretOf(fakePrivateKey('revoked'), TEAM.privateKey);
    const apple = appleWith(privateKey);

    await READS.find(apple);
    await READS.find(apple);

    expect(privateKey.asked).toBe(1);
    expect(tokens()).toHaveLength(3);
    expect(new Set(tokens()).size).toBe(2);
  });

  test('can be made from a key with line breaks written as \\n', async () => {
    await expect(READS.find(appleWith(secretOf(TEAM.privateKey.replaceAll('\n', '\\n'))))).resolves.toBeUndefined();
  });

  test.each([
    ['text that is not a key', 'planted-secret'],
    [
      'a key of another curve',
      generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    ],
  ])('cannot be made from %s, and the stop error quotes nothing', async (_what, key) => {
    const error = await caught(READS.find(appleWith(secretOf(key))));

    expect(error).toMatchObject({ class: 'stop', code: 'AppStoreConnectMisconfigured' });
    expect(allTextOf(error)).not.toContain(key.slice(30, 60) || key);
    expect(fake.requests).toEqual([]);
  });

  test('causes a store error when its key cannot be fetched', async () => {
    const failing = async () => Promise.reject(new StoreError({ code: 'SSM', message: 'down' }));

    expect(await caught(READS.find(appleWith(failing as never)))).toMatchObject({ class: 'store' });
  });
});

describe('the error of a failed call', () => {
  test.each(changes)('to %s: a success page from elsewhere is ambiguous', async (_name, call) => {
    fake.fail({ status: 200, body: '<html>Welcome to the airport</html>' });

    expect(await caught(call(appleWith()))).toMatchObject({ class: 'ambiguous', code: 'AppStoreConnectMalformed' });
  });

  test.each(all)('to %s: the status and the code decide the class', async (_name, call) => {
    const cases: [Failure, object][] = [
      [
        answer(400, 'PARAMETER_ERROR.INVALID', { source: { parameter: `filter[email]=${ADDRESS}` } }),
        { class: 'permanent', code: 'AppStoreConnectRejected', field: undefined },
      ],
      [
        answer(403, 'FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED'),
        { class: 'stop', code: 'AgreementMissing', status: 403 },
      ],
      [
        answer(403, 'FORBIDDEN.REQUIRED_AGREEMENTS_MISSING_OR_EXPIRED.NEW'),
        { class: 'stop', code: 'AgreementMissing' },
      ],
      [answer(409, 'STATE_ERROR'), { class: 'permanent', code: 'AppStoreConnectConflict' }],
      [answer(409, 'ENTITY_ERROR.RELATIONSHIP.INVALID'), { class: 'permanent', code: 'AppStoreConnectConflict' }],
      [
        answer(409, 'ENTITY_ERROR.ATTRIBUTE.INVALID', { source: { pointer: '/data/attributes/email' } }),
        { class: 'permanent', code: 'AppStoreConnectRejected', field: 'data.attributes.email' },
      ],
      [answer(429, 'RATE_LIMIT_EXCEEDED'), { class: 'wait', waitMs: 60_000 }],
      [
        { ...answer(429, 'RATE_LIMIT_EXCEEDED'), headers: { 'retry-after': '7' } },
        { class: 'wait', waitMs: 7_000 },
      ],
      [
        { ...answer(429, 'RATE_LIMIT_EXCEEDED'), headers: { 'x-rate-limit': 'user-hour-lim:3500;user-hour-rem:0;' } },
        { class: 'wait', code: 'AppStoreConnectBudget', waitMs: 600_000 },
      ],
    ];
    for (const [failure, expected] of cases) {
      await fake.recover();
      fake.fail(failure);
      const error = await caught(call(appleWith()));
      expect(error).toMatchObject({ ...expected, vendor: 'app-store-connect' });
      expect(allTextOf(error)).not.toMatch(/planted|example\.com|BEGIN|eyJ/i);
    }
  });

  test('to groups: a missing tester has no groups, but a missing path is an error', async () => {
    expect(await appleWith().groupsOf('nobody', options)).toEqual([]);
    fake.fail(answer(404, 'PATH_ERROR'));

    expect(await caught(READS.groups(appleWith()))).toMatchObject({ class: 'permanent', status: 404 });
  });

  test('an unknown state of a tester is read as UNKNOWN', async () => {
    const attributes = { email: ADDRESS, state: 'SOMETHING_NEW' };
    fake.fail({ status: 200, body: { data: [{ type: 'betaTesters', id: 'x', attributes }] } });

    expect(await READS.find(appleWith())).toEqual({ id: 'x', state: 'UNKNOWN' });
  });
});
