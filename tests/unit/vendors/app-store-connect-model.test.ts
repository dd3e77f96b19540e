import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { appStoreConnectModel } from '../../../lib/local/fakes/app-store-connect-model';
import { fakePrivateKey, tokenProblem } from '../../../lib/local/fakes/app-store-connect-token';
import { buildNotificationBody, invitationBody, testerBody, testersBody } from '../../../lib/vendors/app-store-connect';
import {
  APP,
  BUILD,
  EMPTY_APP,
  EMPTY_APPS_GROUP,
  GROUP,
  OTHER_GROUP,
  seed,
  TEAM,
  TESTER,
} from '../../support/testflight';

const codeOf = ({ json }: { json?: unknown }) =>
  (json as { errors?: { code: string }[] } | undefined)?.errors?.[0]?.code;
const text = (body: unknown) => JSON.stringify(body);
const tester = (groups = [GROUP], email = TESTER) => text(testerBody({ email, groups }));

test.each([
  ['an invalid address', text(testerBody({ email: 'nobody', groups: [GROUP] })), 'ENTITY_ERROR.ATTRIBUTE.INVALID'],
  ['an unknown group', tester(['nothing']), 'ENTITY_ERROR.RELATIONSHIP.INVALID'],
  ['groups of two apps', tester([GROUP, EMPTY_APPS_GROUP]), 'ENTITY_ERROR.RELATIONSHIP.INVALID'],
  ['a body that is not JSON', '{', 'PARAMETER_ERROR.INVALID'],
])('refuses a tester with %s', (_what, body, code) => {
  const model = appStoreConnectModel(seed());

  expect(codeOf(model.createTester(body))).toBe(code);
  expect(model.testers).toEqual([]);
});

test('accepts a person once for each app, in upper or lower case', () => {
  const model = appStoreConnectModel(seed());
  model.createTester(tester());

  expect(codeOf(model.createTester(tester([OTHER_GROUP], TESTER.toUpperCase())))).toBe('STATE_ERROR');
  expect(model.createTester(tester([EMPTY_APPS_GROUP])).status).toBe(201);
  expect(model.testers).toMatchObject([{ app: APP }, { app: EMPTY_APP }]);
});

test('mails a person who joins a group once, and only if the app has a build', () => {
  const model = appStoreConnectModel(seed([], { invitesOnJoining: true }));
  model.createTester(tester());
  model.createTester(tester([EMPTY_APPS_GROUP]));

  model.addToGroup(OTHER_GROUP, text(testersBody([model.testers[0]?.id ?? ''])));

  expect(model.mails).toEqual([{ kind: 'invitation', app: APP, email: TESTER, by: 'joining' }]);
});

test('refuses testers of another app and unknown ids', () => {
  const model = appStoreConnectModel(seed());
  model.createTester(tester());
  const [{ id = '' } = {}] = model.testers;

  expect(codeOf(model.addToGroup(EMPTY_APPS_GROUP, text(testersBody([id]))))).toBe('STATE_ERROR');
  expect(codeOf(model.addToGroup(GROUP, text(testersBody(['nobody']))))).toBe('ENTITY_ERROR.RELATIONSHIP.INVALID');
  expect(codeOf(model.addToGroup('nothing', text(testersBody([id]))))).toBe('NOT_FOUND');
  expect(codeOf(model.removeFromApp(EMPTY_APP, text(testersBody([id]))))).toBe('ENTITY_ERROR.RELATIONSHIP.INVALID');
  expect(codeOf(model.groupsOf('nobody'))).toBe('NOT_FOUND');
  expect(codeOf(model.invite(text(invitationBody({ app: EMPTY_APP, tester: id }))))).toBe(
    'ENTITY_ERROR.RELATIONSHIP.INVALID',
  );
  expect(codeOf(model.notifyBuild(text(buildNotificationBody('nothing'))))).toBe('ENTITY_ERROR.RELATIONSHIP.INVALID');
  expect(model.mails).toEqual([]);
});

test.each([
  ['ACCEPTED', 'STATE_ERROR.TESTER_INVITE.ALREADY_ACCEPTED'],
  ['INSTALLED', 'STATE_ERROR.TESTER_INVITE.ALREADY_ACCEPTED'],
  ['INVITED', undefined],
  ['REVOKED', undefined],
] as const)('answers the invitation of a tester in state %s with code %s', (state, code) => {
  const model = appStoreConnectModel(seed([{ app: APP, email: TESTER, groups: [GROUP], state }]));

  const reply = model.invite(text(invitationBody({ app: APP, tester: model.testers[0]?.id ?? '' })));

  expect(codeOf(reply)).toBe(code);
  expect(model.mails).toHaveLength(code ? 0 : 1);
});

test('notifies the testers of a known build', () => {
  const model = appStoreConnectModel(seed());

  expect(model.notifyBuild(text(buildNotificationBody(BUILD))).status).toBe(201);
  expect(model.mails).toEqual([{ kind: 'build', app: APP, build: BUILD, by: 'notification' }]);
});

describe('a token', () => {
  const now = Date.parse('2026-03-01T12:00:00Z');
  const seconds = now / 1000;
  const team = { ...TEAM, publicKey: createPublicKey(TEAM.privateKey) };
  const claims = { iss: TEAM.issuerId, aud: 'appstoreconnect-v1', iat: seconds - 60, exp: seconds + 600 };
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const token = (changes: { header?: object; claims?: object; key?: string } = {}) => {
    const head = part({ alg: 'ES256', kid: TEAM.keyId, typ: 'JWT', ...changes.header });
    const signed = `${head}.${part({ ...claims, ...changes.claims })}`;
    const key = { key: createPrivateKey(changes.key ?? TEAM.privateKey), dsaEncoding: 'ieee-p1363' } as const;
    return `Bearer ${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`;
  };

  test('of the team is accepted', () => {
    expect(tokenProblem(token(), team, now)).toBeUndefined();
  });

  test.each([
    ['is missing', undefined, 'there is no token'],
    ['is not a token', 'Bearer x', 'there is no token'],
    ['is signed by another key', token({ key: fakePrivateKey('other') }), 'the signature does not fit'],
    ['names another key', token({ header: { kid: 'OTHER' } }), 'kid is not a key of the team'],
    ['is of another team', token({ claims: { iss: 'other' } }), 'iss is not the team'],
    ['is for another audience', token({ claims: { aud: 'other' } }), 'aud is not appstoreconnect-v1'],
    ['was issued in the future', token({ claims: { iat: seconds + 1 } }), 'iat is in the future'],
    ['has expired', token({ claims: { exp: seconds } }), 'exp is over'],
    ['lasts too long', token({ claims: { exp: seconds + 1141 } }), 'exp is more than 20 minutes after iat'],
    ['is not ES256', token({ header: { alg: 'none' } }), 'a header or a claim is missing'],
  ])('that %s is refused', (_what, authorization, problem) => {
    expect(tokenProblem(authorization, team, now)).toBe(problem);
  });
});
