import { aPlan } from '../draw/plan';
import { runPlan } from './run';

test('a run that goes on for ever without doing anything breaks a promise', async () => {
  const { violation } = await runPlan(aPlan({}), {
    prepare: ({ kernel, pending }) => {
      const poll = (): unknown => kernel.setTimeout(poll, 1);
      pending.add(poll);
      poll();
    },
  });

  expect(violation).toBe('liveness: the run did not end within 1000000 events');
});
