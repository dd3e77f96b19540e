import {
  APP,
  EMPTY_APP,
  EMPTY_APPS_GROUP,
  GROUP,
  inviteBody,
  notifyBuildBody,
  OTHER_GROUP,
  removeBody,
  startTestflight,
} from '../../support/testflight';

const other = { app: EMPTY_APP, groups: [EMPTY_APPS_GROUP] };
const [ONE_APP, ONE_GROUP] = [[{ app: APP }], [{ app: APP, group: GROUP }]];
const APP_REFUSED = { code: 'AppNotAllowed', field: 'data.app' };
const GROUP_REFUSED = { code: 'GroupNotAllowed', field: 'data.groups' };

test.each<[string, { app: string; group?: string }[], string, object]>([
  ['an invitation to another app', ONE_APP, inviteBody(other), APP_REFUSED],
  ['a removal from another app', ONE_APP, removeBody({ app: EMPTY_APP }), APP_REFUSED],
  ['a notification about another app', ONE_APP, notifyBuildBody({ app: EMPTY_APP }), APP_REFUSED],
  ['an invitation to another group', ONE_GROUP, inviteBody({ groups: [GROUP, OTHER_GROUP] }), GROUP_REFUSED],
  ['a removal from the whole app, if only a group is listed', ONE_GROUP, removeBody(), GROUP_REFUSED],
])('%s is parked before Apple is called', async (_what, apps, body, refused) => {
  const { engine, apple, close } = await startTestflight({ apps });
  engine.send(body);
  await engine.deliver(1);
  await close();

  expect(engine.rows()).toMatchObject([{ state: 'dead', error: { class: 'permanent', ...refused } }]);
  expect(apple.requests).toEqual([]);
});

test.each<[string, { app: string; group?: string }[], string]>([
  ['an invitation to a listed group', ONE_GROUP, inviteBody({ groups: [GROUP] })],
  ['an invitation to any group of a listed app', ONE_APP, inviteBody({ groups: [GROUP, OTHER_GROUP] })],
  ['an invitation without a list', [], inviteBody(other)],
])('%s is done', async (_what, apps, body) => {
  const { engine, close } = await startTestflight({ apps });
  engine.send(body);
  await engine.deliver(1);
  await close();

  expect(engine.rows()).toMatchObject([{ state: 'succeeded' }]);
});
