import { execFileSync } from 'node:child_process';
import { commands } from '../../../packages/cli/commands';
import { completion } from '../../../packages/cli/completion';
import { optionsIn } from '../../../packages/cli/program';
import { environmentOf, serverlessOf } from '../../../packages/cli/standalone';
import { readInstance } from '../../../resources/instances/read';
import { environmentOf as environmentByHand } from '../../support/instances';

test.each([
  ['he', 'health'],
  ['jobs re', 'retry resend'],
  ['jobs list --que', '--queue'],
  ['queues ', 'pause resume'],
  ['queues --j', '--json'],
  ['completion ', 'bash zsh fish'],
])('bash completes npx ops %s with %s', (typed, shown) => {
  const words = ['npx', 'ops', ...typed.split(' ')];
  const script = [
    ...completion('bash', {}),
    `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})`,
    `COMP_CWORD=${words.length - 1}`,
    '_background_ops',
    'echo "${COMPREPLY[*]}"',
  ];

  expect(execFileSync('bash', ['-c', script.join('\n')], { encoding: 'utf8' }).trim()).toBe(shown);
});

test('an option is read as Serverless gives it, and a misspelt one is refused with the nearest', () => {
  const read = (...args: string[]) => ({ ...optionsIn('jobs list', commands['jobs list'], args) });

  expect(read('--queue', 'feedback', '--json', '--param', 'instance=acme', '-s', 'prod')).toEqual({
    ...{ queue: 'feedback', json: true, param: ['instance=acme'], stage: 'prod' },
  });
  expect(() => read('--qeue', 'feedback')).toThrow('ops jobs list has no option --qeue. Did you mean queue?');
  expect(() => read('--queue')).toThrow('--help lists the options.');
});

test('an instance has the variables that serverless.yml declares, without those that it leaves out', () => {
  const { service, ...serverless } = serverlessOf(readInstance('acme'), []);
  const { environment = {} } = service.provider;

  expect(environment).toMatchObject(environmentByHand(readInstance('acme')));
  expect(Object.values(environment).join()).not.toMatch(/null|undefined|self:/);
  expect(service.functions.emails?.environment?.SUPPRESSION_KEY).toBe('ssm:/example/acme/suppression-key');
  expect(serverless.getProvider('aws').getStage()).toBe('prod');
});

test('a variable of a kind that it does not know is an error', () => {
  const declared = { A: `\${self:custom.queues.feedback.timeout}` };

  expect(() => environmentOf(declared, {})).toThrow(`A: ${declared.A} is not a setting`);
});
