import { createProducer, type JobProducer } from '../../../packages/producer/client';
import { memoryProducerDeps } from '../../support/producer';
import { APP, anInvite, BUILD, TESTER } from '../../support/testflight';

const JOBS: Record<string, { send: (producer: JobProducer) => ReturnType<JobProducer['invite']>; data: object }> = {
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
