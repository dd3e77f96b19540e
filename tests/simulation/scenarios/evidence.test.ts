import type { JobRow } from '../../../lib/jobs/row';
import { ofKind } from '../../support/history';
import { jobs, scenario } from './scenario';

/** Runs in which SendGrid accepted a mail but never answered. Chance decides when SendGrid's event comes. */
async function accepted() {
  const runs = [];
  for (let seed = 1; seed <= 30; seed++) {
    const { world, row, reached } = await scenario({
      seed,
      queue: 'emails',
      jobs: jobs('good'),
      calls: [{ kind: 'sendgrid.send', nth: 1, fault: 'silent' }],
    });
    runs.push({ row: row(0), told: reached('event of a mail') > 0, mails: world.vendors.sendgrid.mails.length });
  }
  return runs;
}

const isSent = ({ state, steps }: JobRow): boolean => state === 'succeeded' && steps.send?.status === 'done';

/** Whether the event came while the worker still waited for the answer. */
function wasEarly({ evidence, history }: JobRow): boolean {
  const unknownAt = history.find(ofKind('held'))?.at ?? 0;
  return (evidence?.send?.at ?? 0) < unknownAt;
}

test("SendGrid's event resolves a step before or after the step is unknown, and the mail is not sent again", async () => {
  const runs = await accepted();

  expect(runs.filter(({ told }) => told).every(({ row }) => isSent(row))).toBe(true);
  const early = runs.filter(({ told }) => told).map(({ row }) => wasEarly(row));
  expect(new Set(early)).toEqual(new Set([true, false]));
  expect(new Set(runs.map(({ mails }) => mails))).toEqual(new Set([1]));
});

test('without an event the step waits for an operator', async () => {
  const runs = await accepted();

  const untold = runs.filter(({ told }) => !told);
  expect(untold.length).toBeGreaterThan(0);
  expect(untold.map(({ row: { state, reason } }) => `${state} ${reason}`)).toEqual(untold.map(() => 'held unknown'));
});
