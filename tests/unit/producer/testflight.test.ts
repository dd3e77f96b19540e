import { InvalidJobError } from '../../../lib/submit/errors';
import { createProducer, type Producer } from '../../../packages/producer/producer';
import { memoryProducerDeps } from '../../support/producer';
import { APP, anInvite, BUILD, TESTER } from '../../support/testflight';

const JOBS: Record<string, { send: (producer: Producer) => ReturnType<Producer['invite']>; data: object }> = {
  'testflight.invite.v1': { send: (to) => to.invite(anInvite()), data: { ...anInvite(), resend: false } },
  'testflight.remove.v1': {
    send: (to) => to.removeTester({ app: APP, email: TESTER, from: 'app' }),
    data: { app: APP, email: TESTER, from: 'app' },
  },
  'testflight.notify-build.v1': {
    send: (to) => to.notifyBuild({ app: APP, build: BUILD }),
    data: { app: APP, build: BUILD },
  },
};

test.each(Object.entries(JOBS))(
  '%s becomes a row and a message in the group of its app',
  async (type, { send, data }) => {
    const { deps, rows, messages, events } = memoryProducerDeps();

    const { id } = await send(createProducer(deps));

    expect(rows()).toMatchObject([{ key: `testflight#${id}`, group: APP, type, state: 'queued' }]);
    expect(messages()).toMatchObject([{ groupId: APP, attributes: { token: { StringValue: rows()[0]?.token } } }]);
    expect(events()).toMatchObject([{ id, type, data }]);
  },
);

test('an invalid invitation is refused with all problems at once, and nothing is sent', async () => {
  const { deps, rows, messages } = memoryProducerDeps();
  const bad = anInvite({ email: 'nobody', groups: [] });

  const error: unknown = await createProducer(deps)
    .invite(bad)
    .catch((reason: unknown) => reason);

  expect(error).toBeInstanceOf(InvalidJobError);
  expect((error as InvalidJobError).problems).toEqual([
    { field: 'email', message: 'email: must be a valid email' },
    { field: 'groups', message: 'groups: must not be empty' },
  ]);
  expect([...rows(), ...messages()]).toEqual([]);
});

test('a link with a user name, which looks like a host, is refused', async () => {
  const { deps, messages } = memoryProducerDeps();
  const notification = { appName: 'App', url: 'https://apple.com@evil.example/' };

  await expect(createProducer(deps).invite(anInvite({ notification }))).rejects.toMatchObject({
    problems: [{ field: 'notification.url', message: 'notification.url: must not hold a user name or a password' }],
  });
  expect(messages()).toEqual([]);
});
