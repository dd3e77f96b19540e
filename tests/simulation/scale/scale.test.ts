import { type PartThread, startPartThread } from '../draw/parts';
import { SCALE_PLANS } from './plans';

let thread: PartThread;
beforeAll(async () => {
  thread = await startPartThread();
});
afterAll(() => thread.stop());

test.each(SCALE_PLANS.map((plan) => [plan.name, plan] as const))(
  '%s: all jobs end in time and run once',
  async (name, { size }) => {
    const { scaled } = await thread.run({ scale: name, size });

    expect(scaled?.violation).toBeUndefined();
  },
);
