import fc from 'fast-check';
import { anyLine, type LineRun, playLine } from '../../support/line-runs';

const holds = (line: fc.Arbitrary<LineRun>, runs: number) =>
  fc.assert(
    fc.asyncProperty(line, async (run) => expect(await playLine(run)).toBeUndefined()),
    { numRuns: runs },
  );

test('however joins, ends and looks at a line meet and die, its jobs are done in order and none is lost', () =>
  holds(anyLine(12, { fronts: [2, 3, 4] }), 1_000));

test('beside released code the same holds for a line that is no longer than its front', () =>
  holds(anyLine(8, { codes: ['new', 'released'], fronts: [8] }), 500));

test('beside released code no job of a longer line is lost', async () => {
  const line = anyLine(12, { codes: ['new', 'released'], fronts: [2, 3] });

  await fc.assert(
    fc.asyncProperty(line, async (run) => expect((await playLine(run)) ?? '').not.toMatch(/^nothing lost/)),
    { numRuns: 500 },
  );
});
