import { aPlan, type Plan } from '../draw/plan';
import { runPlan } from '../runs/run';
import type { Mutant } from '../world/types';

export interface Case {
  mutant: Mutant;
  plan: Partial<Plan>;
  /** The promise that the mutant breaks. */
  breaks: RegExp;
}

/** Runs the unchanged code and each mutant under the plan of its case. */
export function describeMutants(cases: Record<string, Case>): void {
  describe.each(Object.entries(cases))('%s', (_name, { mutant, plan, breaks }) => {
    test('the unchanged code keeps every promise', async () => {
      const { violation } = await runPlan(aPlan(plan));

      expect(violation).toBeUndefined();
    });

    test('the mutant is caught', async () => {
      const { violation } = await runPlan(aPlan(plan), { mutant });

      expect(violation).toMatch(breaks);
    });
  });
}
