import { parseEnv } from '../../../lib/config/common';
import { reconcilerEnv } from '../../../lib/config/functions';
import { rhythmOf } from '../../../lib/startup/reconciler';

const env = {
  INSTANCE: 'acme',
  BUCKET: 'team-bucket',
  PREFIX: 'jobs',
  TABLE: 'acme-jobs',
  QUEUES: '{}',
  DLQ_DEPTHS: '{}',
  GUARD: '{"bounces":5,"reports":0.1,"refused":20}',
};
const rhythm = (CANARY_EVERY?: string) =>
  rhythmOf(parseEnv(reconcilerEnv, { ...env, ...(CANARY_EVERY === undefined ? {} : { CANARY_EVERY }) }));

test('a canary is due at the fifth run after the last one, even if that run starts a moment early, and not at the fourth', () => {
  const { stayMs, canaryMs } = rhythm('5');

  expect(stayMs).toBe(58_000);
  expect(canaryMs).toBeLessThan(5 * 60_000 - 10_000);
  expect(canaryMs).toBeGreaterThan(4 * 60_000 + 10_000);
});

test('without a number, or with 0, there are no canaries', () => {
  expect([rhythm().canaryMs, rhythm('0').canaryMs]).toEqual([0, 0]);
});
