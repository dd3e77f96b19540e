import { memoryDeployment } from '../../support/deployment';
import { memoryEngine } from '../../support/engine';
import { command } from '../../support/operator';
import { sampleContract } from '../../support/sample-contract';

/** An instance whose only queue calls Zendesk and SendGrid, and its commands. */
function aDeployment() {
  const engine = memoryEngine(() => ({ ...sampleContract().contract, queue: 'feedback' }));
  const { deployment: deps } = memoryDeployment(engine);
  const run = (name: 'queues' | 'vendors' | 'vendors pause' | 'vendors rate' | 'vendors resume', options = {}) =>
    command({ deps }, name, options);
  return { engine, run };
}

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
  ...['0', '-1', '10001', 'fast'].map(
    (to) =>
      ['vendors rate', { vendor: 'sendgrid', to, reason }, '--to must be a number above 0 and at most 10000'] as const,
  ),
] as const)('sls %s with %o is refused: %s', async (name, options, says) => {
  const { run, engine } = aDeployment();

  await expect(run(name, options)).rejects.toThrow(says);
  expect(engine.table.items()).toEqual([]);
});
