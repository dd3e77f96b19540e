import fc from 'fast-check';
import { anyLine, type LineRun, playLine } from '../../support/line-runs';

const holds = (line: fc.Arbitrary<LineRun>, runs: number) =>
  fc.assert(
    fc.asyncProperty(line, async (run) => expect(await playLine(run)).toBeUndefined()),
    { numRuns: runs },
  );

test('no race or crash of joins, ends and looks loses a job of a line or changes the order', () =>
  holds(anyLine(12, { fronts: [2, 3, 4] }), 1_000));

test('beside released code the same is true for a line that fits into its front', () =>
  holds(anyLine(8, { codes: ['new', 'released'], fronts: [8] }), 500));

test('beside released code a longer line loses no job', async () => {
  const line = anyLine(12, { codes: ['new', 'released'], fronts: [2, 3] });

  await fc.assert(
    fc.asyncProperty(line, async (run) => expect((await playLine(run)) ?? '').not.toMatch(/^nothing lost/)),
    { numRuns: 500 },
  );
});
