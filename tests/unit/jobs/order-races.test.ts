import fc from 'fast-check';
import { anyLine, type LineRun, playLine } from '../../support/line-runs';

const holds = (line: fc.Arbitrary<LineRun>, runs: number) =>
  fc.assert(
    fc.asyncProperty(line, async (run) => expect(await playLine(run)).toBeUndefined()),
    { numRuns: runs },
  );

test('no race or crash of joins, ends and looks loses a job of a line or changes the order', () =>
  holds(anyLine(12, { fronts: [2, 3, 4] }), 1_000));
