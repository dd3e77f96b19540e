import { commands } from '../../../lib/cli/commands';
import { commandTree, hookOf, namePositionals } from '../../../lib/cli/schema';

const named = (...words: string[]): string[] => {
  const argv = ['node', 'sls', ...words];
  namePositionals(argv, commands);
  return argv.slice(2);
};

test.each([
  [
    ['jobs', 'show', 'abc'],
    ['jobs', 'show', '--id', 'abc'],
  ],
  [
    ['jobs', 'show', 'invalid/abc', '--json'],
    ['jobs', 'show', '--id', 'invalid/abc', '--json'],
  ],
  [
    ['jobs', 'discard', 'abc', '--stage', 'prod'],
    ['jobs', 'discard', '--id', 'abc', '--stage', 'prod'],
  ],
])('%j becomes %j', (words, understood) => {
  expect(named(...words)).toEqual(understood);
});

test.each([
  [['jobs', 'show', '--id', 'abc']],
  [['jobs', 'show']],
  [['jobs', 'list', 'abc']],
  [['deploy', 'function', 'abc']],
  [['invoke', 'local', '-f', 'show']],
])('%j stays unchanged', (words) => {
  expect(named(...words)).toEqual(words);
});

test('every command in the tree has a lifecycle event, and its hook has the name of the command', () => {
  const tree = commandTree(commands);

  expect(Object.keys(tree)).toEqual([
    'jobs',
    'queues',
    'alarms',
    'verify',
    'campaign',
    'console',
    'producer',
    'testflight',
    'check',
    'instances',
  ]);
  expect(tree.jobs).toMatchObject({ lifecycleEvents: ['run'] });
  expect(Object.keys(tree.jobs?.commands ?? {})).toEqual(['list', 'show', 'retry', 'cancel', 'discard', 'settle']);
  expect(tree.jobs?.commands.show).toMatchObject({ lifecycleEvents: ['run'], options: { id: { required: true } } });
  expect(hookOf('jobs show')).toBe('jobs:show:run');
});
