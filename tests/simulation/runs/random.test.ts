import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { anyPlan } from '../draw/draw';
import { planOf } from '../draw/given';
import { SIMULATIONS } from '../queues/queues';
import { testRandomRuns } from './random';
import { runPlan } from './run';

testRandomRuns({ schedules: 10, fresh: 40, repeated: 1, command: 'npm test -- tests/simulation/runs/random' });

test('the plan that a broken run prints can be given again', () => {
  const plans = SIMULATIONS.flatMap(({ queues }) => fc.sample(anyPlan(queues), { seed: 5, numRuns: 200 }));

  expect(plans.map((plan) => planOf(JSON.stringify(plan)))).toEqual(plans);
});

const JOB = { kind: 'good', at: 0, group: 0, retries: 0 };

test.each([
  ['a field that no plan has', { call: [] }, 'call: is no field of a plan'],
  ['a field of a job', { jobs: [{ ...JOB, after: 5 }] }, 'jobs.0.after: is no field of a plan'],
  ['a missing field', { starts: [{ nth: 1, fault: 'twice' }] }, 'starts.0.ms: must be a number'],
  ['a wrong number', { calls: [{ nth: 0, fault: 'lost' }] }, 'calls.0.nth: must be at least 1'],
  ['a call', { calls: [{ kind: 'put', nth: 1, fault: 'lost' }] }, 'calls.0.kind: must be a call such as table.put'],
  ['a queue', { queue: 'mails' }, 'queue: must be one of feedback, emails, campaigns, testflight, analytics'],
  [
    'a kind that the queue does not have',
    { beside: [{ queue: 'analytics', batch: 1, concurrency: 2, jobs: [{ ...JOB, kind: 'build' }] }] },
    'beside.0.jobs.0.kind: analytics has only good',
  ],
  ['no plan', [], 'plan: must be an object, is an array'],
])('a given plan is refused with the name of what is wrong: %s', (_what, plan, said) => {
  expect(() => planOf(JSON.stringify(plan))).toThrow(said);
});

test('the plan of the page reaches both of its faults', async () => {
  const [, plan = ''] = /```json\n([^`]+)```/.exec(readFileSync('docs/simulation.md', 'utf8')) ?? [];

  const { violation, world } = await runPlan(planOf(plan));

  expect(violation).toBeUndefined();
  for (const call of ['lost at zendesk.createTicket', 'killed-before at table.put'])
    expect(world.reached.has(`fault ${call}`)).toBe(true);
});
