import type { CommandName } from '../../../lib/cli/commands';
import { commands } from '../../../lib/cli/commands';
import { runOf } from '../../../lib/cli/runs';

const names = Object.keys(commands) as CommandName[];
const isGroup = (name: CommandName) => !('options' in commands[name]);

test('every command has code of its own, and each group only lists its commands', () => {
  const list = runOf(names.find(isGroup) as CommandName).toString();

  expect(names.filter((name) => (runOf(name).toString() === list) !== isGroup(name))).toEqual([]);
});
