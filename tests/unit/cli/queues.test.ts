import type { Options } from '../../../packages/cli/command';
import type { CommandName } from '../../../packages/cli/commands';
import { memoryDeployment } from '../../support/deployment';
import { memoryEngine } from '../../support/engine';
import { command } from '../../support/operator';
import { sampleContract } from '../../support/sample-contract';

/** An instance whose only queue calls Zendesk and SendGrid, and its commands. */
function aDeployment() {
  const engine = memoryEngine(() => ({ ...sampleContract().contract, queue: 'feedback' }));
  const made = memoryDeployment(engine);
  const run = (...[name, options]: [CommandName, Options?]) => command({ deps: made.deployment }, name, options);
  return { engine, run, ...made };
}

test('sls queues shows a line for each queue and vendor, the alarms that are firing, and a mapping that is off', async () => {
  const made = aDeployment();
  const now = made.engine.clock.now();
  made.metrics.set('JobsSucceeded', [{ at: now, value: 7 }]);
  made.metrics.set('ApproximateAgeOfOldestMessage', [{ at: now, value: 90 }]);
  made.alarms.push({ name: 'my-feedback-oldest-message', since: now });

  made.on.set('feedback', false);

  const { lines } = await made.run('queues');
  const { json } = await made.run('queues', { json: true });

  expect(json).toMatchObject({ queues: [{ queue: 'feedback', visible: 0, oldestSeconds: 90 }] });
  expect(lines.slice(0, 2)).toEqual([
    'QUEUE     VISIBLE  IN FLIGHT  OLDEST      HELD  DEAD  HOUR  FAILED  DAY  FAILED',
    'feedback  0        0          1 min 30 s  0     0     7     0       7    0',
  ]);
  expect(lines).toContain('zendesk   closed   0');
  expect(lines).toContain('Reconciler: no run is known');
  expect(lines).toContainEqual(expect.stringMatching(/^ {2}my-feedback-oldest-message: .*, since 2026-01-02 03:04:05/));
  expect(lines).toContainEqual(expect.stringContaining('feedback: its event source mapping is off, and no pause says'));
});

test('sls queues pause says until when to resume, and sls queues shows who paused and why', async () => {
  const { run } = aDeployment();

  const { lines } = await run('queues pause', { queue: 'feedback', reason: 'Zendesk moves' });
  const table = await run('queues');
  const resumed = await run('queues resume', { queue: 'feedback' });

  const says =
    'feedback is paused since 2026-01-02 03:04:05 (UTC) by user/jane: Zendesk moves. Resume it before 2026-01-09 03:04:05 (UTC).';
  expect(lines[0]).toBe(says);
  expect(table.lines).toContain(says);
  expect(resumed.lines).toEqual([
    'feedback is resumed. user/jane had paused it at 2026-01-02 03:04:05 (UTC): Zendesk moves',
  ]);
});

const reason = 'they move';

test('sls vendors shows who has set what, since when, until when and why, until an operator ends it', async () => {
  const { run } = aDeployment();
  const paused =
    'zendesk is paused since 2026-01-02 03:04:05 (UTC) by user/jane, until 2026-01-02 05:04:05 (UTC): they move';
  const rate =
    'sendgrid gets at most 50 recipients a second since 2026-01-02 03:04:05 (UTC) by user/jane, until an operator ends it: they move';

  const pausing = await run('vendors pause', { vendor: 'zendesk', reason, for: '2h' });
  await run('vendors rate', { vendor: 'sendgrid', to: '50', reason, until: 'never' });
  const { lines } = await run('vendors');
  const { lines: queues } = await run('queues');
  const resumed = await run('vendors resume', { vendor: 'zendesk' });
  const again = await run('vendors resume', { vendor: 'zendesk' });

  expect(pausing.lines).toEqual([paused]);
  expect(lines).toEqual(['VENDOR    CIRCUIT', 'zendesk   closed', 'sendgrid  closed', paused, rate]);
  expect(queues).toEqual(expect.arrayContaining([paused, rate]));
  expect([resumed.lines, again.lines]).toEqual([[`Ended: ${paused}`], ['Nothing was set for zendesk.']]);
  expect((await run('vendors', { json: true })).json).toMatchObject({
    vendors: [{}, { set: { rate: { perSecond: 50 } } }],
  });
});

test.each([
  ['vendors pause', { vendor: 'apple', reason }, '--vendor must be one of zendesk, sendgrid, is apple'],
  ['vendors pause', { vendor: 'zendesk' }, '--reason is required'],
  ['vendors pause', { vendor: 'zendesk', reason: 'two\nlines' }, 'The reason must be one line'],
  ['vendors pause', { vendor: 'zendesk', reason, until: '2026-01-02T03:04' }, 'The end must be in the future'],
  ['vendors rate', { vendor: 'zendesk', to: '5', reason }, 'We pace only sendgrid, not zendesk'],
  ['vendors rate', { vendor: 'sendgrid', to: '0', reason }, '--to must be a number above 0 and at most 10000'],
  ['vendors rate', { vendor: 'sendgrid', to: '10001', reason }, '--to must be a number above 0 and at most 10000'],
  ['vendors rate', { vendor: 'sendgrid', to: 'fast', reason }, '--to must be a number above 0 and at most 10000'],
] as const)('sls %s with %o is refused: %s', async (name, options, says) => {
  const { run, engine } = aDeployment();

  await expect(run(name, options)).rejects.toThrow(says);
  expect(engine.table.items()).toEqual([]);
});
