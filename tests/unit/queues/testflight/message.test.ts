import { readFileSync } from 'node:fs';
import { inviteSchema, notifyBuildSchema, removeSchema } from '../../../../lib/queues/testflight/message';
import { problemOf } from '../../../support/problem';
import { APP, anInvite, GROUP, TESTER } from '../../../support/testflight';

const schemas = { invite: inviteSchema, remove: removeSchema, notifyBuild: notifyBuildSchema };
type Kind = keyof typeof schemas;

const problem = (kind: Kind, data: unknown) => problemOf(schemas[kind], data);

const removal = (changes: object = {}) => ({ app: APP, email: TESTER, from: 'app', ...changes });
const invite = (changes: object = {}) => ({ ...anInvite(), ...changes });
const withLink = (url: string) => invite({ notification: { appName: 'A', url } });

test('an invitation needs only an app, an address and a group', () => {
  const least = { app: APP, email: TESTER, groups: [GROUP] };

  expect(inviteSchema.parse({ ...least, groups: [GROUP.toUpperCase()] })).toEqual({ ...least, resend: false });
});

test.each<[string, Kind, unknown, string]>([
  ['no app', 'invite', invite({ app: undefined }), 'data.app'],
  ['an app by its bundle id', 'invite', invite({ app: 'com.example.app' }), 'data.app'],
  ['an app with a path', 'remove', removal({ app: '1/../2' }), 'data.app'],
  ['an invalid address', 'invite', invite({ email: 'nobody' }), 'data.email'],
  ['an address that is too long', 'invite', invite({ email: `${'a'.repeat(250)}@example.com` }), 'data.email'],
  ['a blank name', 'invite', invite({ lastName: ' ' }), 'data.lastName'],
  ['no group', 'invite', invite({ groups: [] }), 'data.groups'],
  ['eleven groups', 'invite', invite({ groups: Array(11).fill(GROUP) }), 'data.groups'],
  ['a group twice', 'invite', invite({ groups: [GROUP, GROUP.toUpperCase()] }), 'data.groups'],
  ['a group by its name', 'invite', invite({ groups: ['Testers'] }), 'data.groups.0'],
  ['a resend that is text', 'invite', invite({ resend: 'yes' }), 'data.resend'],
  ['a notification that is text', 'invite', invite({ notification: 'Hello' }), 'data.notification'],
  ['a notification without a name', 'invite', invite({ notification: {} }), 'data.notification.appName'],
  ['a link that runs code', 'invite', withLink('javascript:alert(1)'), 'data.notification.url'],
  ['a link without encryption', 'invite', withLink('http://example.com'), 'data.notification.url'],
  ['a link with a user like a host', 'invite', withLink('https://apple.com@evil.example/'), 'data.notification.url'],
  ['an unknown field', 'invite', invite({ group: GROUP }), 'data'],
  ['no place to leave', 'remove', removal({ from: undefined }), 'data.from'],
  ['groups without an id', 'remove', removal({ from: 'groups' }), 'data.groups'],
  ['groups as well as the app', 'remove', removal({ groups: [GROUP] }), 'data'],
  ['a build by its version', 'notifyBuild', { app: APP, build: '1.2.3' }, 'data.build'],
  ['nothing', 'remove', null, 'data'],
])('%s is refused by an error that names the field (%s)', (_what, kind, data, field) => {
  const broken = problem(kind, data);

  expect(broken.field).toBe(field);
  expect(broken.message).toMatch(/^data[\w.]*: (must|has|is) /);
});

const page = readFileSync('docs/testflight.md', 'utf8');
test.each(['invite', 'remove', 'notify-build'])('the example of %s in the docs is valid data', (kind) => {
  const [, block = ''] = new RegExp(`^\`\`\`json ${kind}\n(.*?)^\`\`\``, 'ms').exec(page) ?? [];
  const data = JSON.parse(block) as unknown;

  expect(schemas[kind === 'notify-build' ? 'notifyBuild' : (kind as Kind)].parse(data)).toEqual(data);
});
