import { isInvalidId } from '../../../lib/jobs/keys';
import { HOUR_MS, jobs, MINUTE_MS, scenario } from './scenario';

describe('an event that another CloudEvents SDK wrote, whose id is no UUID,', () => {
  test('stays one job while it is held and released', async () => {
    const run = await scenario({
      jobs: jobs('event', ['event', { group: 1 }]),
      outages: [{ target: 'zendesk', from: 0, until: HOUR_MS, fault: 'throttled' }],
    });

    expect(run.states()).toEqual(['succeeded', 'succeeded']);
    expect(run.row(0).holds).toBeGreaterThan(0);
    expect(run.world.watch.rows()).toHaveLength(2);
  });

  test.each(['command', 'move'] as const)('stays one job when it is dead and redriven by %s', async (how) => {
    const run = await scenario({
      jobs: jobs('event'),
      calls: [{ kind: 'zendesk.createTicket', nth: 1, fault: 'forbidden' }],
      redrives: [{ nth: 1, after: 2 * HOUR_MS, how }],
    });

    expect(run.states()).toEqual(['succeeded']);
    expect(run.row(0).generation).toBe(2);
    expect(run.world.watch.rows().filter(({ id }) => isInvalidId(id))).toEqual([]);
  });

  test('stays one job when its sender sends it twice', async () => {
    const run = await scenario({ jobs: jobs(['event', { again: 10 * MINUTE_MS }]) });

    expect(run.states()).toEqual(['succeeded']);
    expect(run.reached('effect ticket')).toBe(1);
  });
});
