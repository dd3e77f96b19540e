import { commands, GUARDED } from '../../../lib/cli/commands';
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

test('a command has a lifecycle event, and a group has none, so that Serverless lists its commands', () => {
  const { jobs, queues, deploy } = commandTree(commands, GUARDED);

  expect(jobs).toEqual({ type: 'container', commands: expect.any(Object) });
  expect(jobs?.commands.show).toMatchObject({ lifecycleEvents: ['run'], options: { id: { required: true } } });
  expect(queues).toMatchObject({ lifecycleEvents: ['run'], commands: { pause: {}, resume: {} } });
  expect(deploy).toMatchObject({ options: { plan: {} }, commands: { function: { options: { yes: {} } } } });
  expect(deploy).not.toHaveProperty('lifecycleEvents');
  expect(hookOf('jobs show')).toBe('jobs:show:run');
});
