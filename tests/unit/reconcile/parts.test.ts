import { jobId } from '../../support/engine';
import { sampleEngine } from '../../support/sample-contract';

test('works that never come to their end leave time for the others, in every run', async () => {
  const { engine } = sampleEngine();
  const { table } = engine.deps;
  const looked: string[] = [];
  table.due = async (todo, { limit }) => {
    engine.clock.advance(500);
    looked.push(todo);
    const isEndless = /#(held|ending|unsent|waiting|unpublished|kept)/.test(todo);
    return isEndless ? Array.from({ length: limit }, (_, n) => ({ key: `sample#${jobId(n)}`, todoAt: 1 })) : [];
  };

  for (let run = 0; run < 2; run++) {
    looked.length = 0;
    await engine.reconcile();

    expect(looked).toContain('sample#kept');
    expect(looked).toContain('sample#dead');
  }
});
