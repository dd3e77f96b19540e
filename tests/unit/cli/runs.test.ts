import { type CommandName, commands } from '../../../lib/cli/commands';
import { runOf } from '../../../lib/cli/runs';

test('every command has code of its own', () => {
  const runs = (Object.keys(commands) as CommandName[]).map(runOf);

  expect(new Set(runs).size).toBe(runs.length);
});
