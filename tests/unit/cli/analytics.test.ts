import { analyticsContract } from '../../../lib/analytics/process';
import { commands } from '../../../packages/cli/commands';
import { anEvent, putOriginal } from '../../support/analytics';
import { memoryDeployment } from '../../support/deployment';
import { jobId, memoryEngine, PREFIX } from '../../support/engine';
import { command, contextOf, recordingOutput } from '../../support/operator';

const HOUR = Date.parse('2026-01-02T03:00:00Z');
const ADDRESS = 'someone@example.com';
const events = [anEvent(1), anEvent(2), anEvent(3, { name: 'purchase' }), anEvent(4, { user: ADDRESS }), { id: 'bad' }];

/** An hour with three stored and two rejected events. */
async function anHour() {
  const metrics = { add: () => {}, flush: async () => {} };
  const engine = memoryEngine(({ objects }) => analyticsContract({ objects, metrics, prefix: PREFIX }));
  await putOriginal(engine.objects, events);
  const made = memoryDeployment(engine);
  made.metrics.set('EventsAccepted', [{ at: HOUR, value: 3 }]);
  made.metrics.set('TimeToStore', [{ at: HOUR, value: 1_500 }]);
  return { deps: made.deployment };
}

test('sls analytics shows the last hour, events by name, and rejected events by rule without their values', async () => {
  const { lines } = await command(await anHour(), 'analytics');
  const { json } = await command(await anHour(), 'analytics', { json: true });

  expect(json).toMatchObject({ accepted: [{ value: 3 }], stored: { of: 1 }, rejections: { of: 1 } });

  expect(lines[0]).toBe('FROM (UTC)           ACCEPTED  REJECTED  P50    P95');
  expect(lines[6]).toBe('2026-01-02 03:00:00  3         0         1.5 s  1.5 s');
  expect(lines.slice(8, 11)).toEqual([
    expect.stringMatching(/^Stored: \d+ bytes, compressed, in 1 message of this hour and the one before\.$/),
    'NAME           EVENTS',
    'screen_viewed  2',
  ]);
  expect(lines.find((line) => line.startsWith('user'))?.split(/ {2,}/)).toEqual([
    ...['user', '1', 'must not look like a mail address', 'text, 19 characters', jobId(1)],
  ]);
  expect(lines.join()).not.toContain(ADDRESS);
});

test('sls analytics --watch shows them again until Ctrl-C', async () => {
  const { deps } = await anHour();
  const { out, recorded } = recordingOutput();
  const stop = new AbortController();
  let naps = 0;
  const sleep = async () => {
    naps += 1;
    if (naps === 3) stop.abort();
  };

  const watching = { ...out, interrupted: () => stop.signal };
  const clock = { now: deps.clock.now, sleep };
  await commands.analytics.run(contextOf({ ...deps, clock }, { watch: true }, watching));

  expect(recorded.lines.filter((line) => line.startsWith('As of'))).toHaveLength(3);
});

test('sls analytics replay sends the events of an hour again that are valid now, by the settings of the instance', async () => {
  const made = await anHour();

  const { lines } = await command(made, 'analytics replay', { hour: '2026-01-02T03', stage: 'prod' });

  expect(lines).toEqual([
    '1 event sent again, in 1 message.',
    '1 event not sent: invalid as before, or their message has stored their id.',
  ]);
  await expect(command(made, 'analytics replay', {})).rejects.toThrow('--hour is required');
  const without = { deps: { ...made.deps, queueNames: ['emails'] } };
  await expect(command(without, 'analytics')).rejects.toThrow('no queue analytics');
});
