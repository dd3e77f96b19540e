import { command } from '../../support/operator';
import { APP, GROUP, OTHER_GROUP, startTestflight } from '../../support/testflight';

let service: Awaited<ReturnType<typeof startTestflight>>;
beforeEach(async () => {
  service = await startTestflight();
});
afterEach(() => service.close());

/** Runs the command. Returns what it prints about each tester, without the ids. */
async function invite(email: string, options: Record<string, string> = {}) {
  const { lines } = await command(service.engine, 'testflight invite', { app: APP, group: GROUP, email, ...options });
  return lines.map((line) => line.split(': ')[1]);
}

test('queues a job for each tester', async () => {
  expect(await invite('a@example.com,b@example.com')).toEqual(['queued', 'queued']);

  const job = { group: APP, type: 'testflight.invite.v1', state: 'queued', source: '/sls/testflight-invite' };
  expect(service.engine.rows()).toMatchObject([job, job]);
  await service.engine.drain({ batch: 1 });
  const testers = ['a@example.com', 'b@example.com'].map((email) => ({ email, groups: [GROUP] }));
  expect(service.apple.testers).toMatchObject(testers);
});

test('a repeated address is queued once, also in other letters, and again only for other groups', async () => {
  const before = 'was queued before';

  expect(await invite('a@example.com,A@Example.com')).toEqual(['queued', before]);
  expect(await invite('a@example.com', { group: `${OTHER_GROUP},${GROUP}` })).toEqual(['queued']);
  expect(await invite('a@example.com', { group: `${GROUP},${OTHER_GROUP}` })).toEqual([before]);
});

test('a wrong address, app or group is refused by field and rule, without its value', async () => {
  await expect(invite('a@example.com,planted')).rejects.toThrow('Tester 2: email: must be a valid email.');
  await expect(invite('a@example.com', { app: 'My App', group: 'Testers' })).rejects.toThrow(
    "app: must be Apple's id of an app, digits; groups.0: must be Apple's id of a group, a UUID",
  );
});
