import { resolveStep } from '../../../lib/ops/act';
import { jobId } from '../../support/engine';
import {
  APP,
  GROUP,
  inviteBody,
  notifyBuildBody,
  removeBody,
  seed,
  startTestflight,
  TESTER,
} from '../../support/testflight';

let service: Awaited<ReturnType<typeof startTestflight>>;
afterEach(() => service.close());

/** A job whose call to Apple has an unknown outcome, with another job of the same app behind it. */
async function unknown(body: string, path: string) {
  service = await startTestflight({ seed: seed([{ app: APP, email: TESTER, groups: [GROUP], state: 'INVITED' }]) });
  const { engine, apple } = service;
  apple.fail({ method: 'POST', path, after: 'reset' });
  engine.send(body, { group: APP });
  engine.send(removeBody({}, { id: jobId(2) }), { group: APP });
  await engine.drain({ batch: 1, hours: 1 });
  expect(engine.row(jobId(1))).toMatchObject({ state: 'held', reason: 'unknown' });
  // The job behind it does not wait for a person.
  expect(engine.row(jobId(2)).state).toBe('succeeded');
  return { ...service, row: engine.row(jobId(1)) };
}

const again = inviteBody({ resend: true });

test.each([
  ['done', 'sent'],
  ['skipped', 'skipped: operator'],
] as const)(
  'an invitation that an operator resolves as %s ends as %s without a call, although a removal ran before',
  async (as, invitation) => {
    const { engine, apple, row } = await unknown(again, '/v1/betaTesterInvitations');

    await resolveStep(engine.deps, { row, step: 'invitation', as });
    await engine.drain({ batch: 1 });

    expect(engine.row(jobId(1))).toMatchObject({ state: 'succeeded', result: { invitation } });
    expect(apple.mails).toHaveLength(1);
  },
);

test.each([
  ['done', 'succeeded', { notification: 'sent' }],
  ['skipped', 'cancelled', undefined],
] as const)(
  'a job whose build notification an operator resolves as %s is %s without a call',
  async (as, state, result) => {
    const { engine, apple, row } = await unknown(notifyBuildBody(), '/v1/buildBetaNotifications');

    await resolveStep(engine.deps, { row, step: 'notification', as });
    await engine.drain({ batch: 1 });

    expect(engine.row(jobId(1)).state).toBe(state);
    expect(engine.row(jobId(1)).result).toEqual(result);
    expect(apple.mails).toHaveLength(1);
  },
);
