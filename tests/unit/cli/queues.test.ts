import { memoryDeployment } from '../../support/deployment';
import { memoryEngine } from '../../support/engine';
import { command } from '../../support/operator';
import { sampleContract } from '../../support/sample-contract';

function aDeployment() {
  const engine = memoryEngine(() => ({ ...sampleContract().contract, queue: 'feedback' }));
  return { engine, ...memoryDeployment(engine) };
}

const run = (
  name: 'queues' | 'queues pause' | 'queues resume',
  { deployment }: Pick<ReturnType<typeof aDeployment>, 'deployment'>,
  options: Record<string, string | boolean> = {},
) => command({ deps: deployment }, name, options);

test('sls queues shows a line for each queue and vendor, and the alarms that are firing', async () => {
  const made = aDeployment();
  const now = made.engine.clock.now();
  made.metrics.set('JobsSucceeded', [{ at: now, value: 7 }]);
  made.metrics.set('ApproximateAgeOfOldestMessage', [{ at: now, value: 90 }]);
  made.alarms.push({ name: 'my-feedback-oldest-message', since: now });

  const { lines } = await run('queues', made);
  const { json } = await run('queues', made, { json: true });

  expect(json).toMatchObject({ queues: [{ queue: 'feedback', visible: 0, oldestSeconds: 90 }] });
  expect(lines.slice(0, 2)).toEqual([
    'QUEUE     VISIBLE  IN FLIGHT  OLDEST      HELD  DEAD  HOUR  FAILED  DAY  FAILED',
    'feedback  0        0          1 min 30 s  0     0     7     0       7    0',
  ]);
  expect(lines).toContain('zendesk   closed   0');
  expect(lines).toContain('Reconciler: no run is known');
  expect(lines).toContain(
    '  my-feedback-oldest-message: A message has waited for a long time, since 2026-01-02 03:04:05 (UTC)',
  );
});

test('sls queues pause says until when to resume, and sls queues shows who paused and why', async () => {
  const made = aDeployment();

  const { lines } = await run('queues pause', made, { queue: 'feedback', reason: 'Zendesk moves' });
  const table = await run('queues', made);
  const resumed = await run('queues resume', made, { queue: 'feedback' });

  const says =
    'feedback is paused since 2026-01-02 03:04:05 (UTC) by user/jane: Zendesk moves. Resume it before 2026-01-09 03:04:05 (UTC).';
  expect(lines[0]).toBe(says);
  expect(table.lines).toContain(says);
  expect(resumed.lines).toEqual([
    'feedback is resumed. user/jane had paused it at 2026-01-02 03:04:05 (UTC): Zendesk moves',
  ]);
});

test('sls queues shows a mapping that is off without a pause', async () => {
  const made = aDeployment();
  made.on.set('feedback', false);

  expect((await run('queues', made)).lines).toContain(
    'feedback: its event source mapping is off, and no pause says why. sls queues resume switches it on.',
  );
});
