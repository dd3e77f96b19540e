import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { v7 } from 'uuid';
import { auditKey, recordKey, verifiedKey } from '../../../lib/engine/jobs/keys';
import { recordOf } from '../../../lib/engine/jobs/record';
import type { JobRow } from '../../../lib/engine/jobs/row';
import type { Options } from '../../../packages/cli/command';
import { acceptedRow } from '../../support/accepted-row';
import { memoryDeployment } from '../../support/deployment';
import { jobId, memoryEngine, PREFIX } from '../../support/engine';
import { inState } from '../../support/in-state';
import { command } from '../../support/operator';
import { SAMPLE_QUEUE, sampleContract } from '../../support/sample-contract';

type Three = [string, string, string];
const DAY = Date.parse('2026-01-02T03:04:05.000Z');
const folder = mkdtempSync(join(tmpdir(), 'report-'));
afterAll(() => rmSync(folder, { recursive: true }));

const dead = { state: 'dead', reason: 'error', error: { class: 'permanent', code: 'Rejected', message: 'no' } };

/** The report of a month in which each of these jobs took some seconds. */
async function month(jobs: { n: number; seconds?: number; time?: number; [changed: string]: unknown }[]) {
  const engine = memoryEngine(() => sampleContract().contract);
  const { deployment, metrics } = memoryDeployment(engine);
  for (const { n, seconds = 1, time = DAY, ...changed } of jobs) {
    const row = { queue: SAMPLE_QUEUE, id: jobId(n), time };
    const history: JobRow['history'] = [
      { at: DAY, event: 'accepted' },
      { at: DAY + 20, event: 'sent' },
    ];
    const ended = { state: inState('succeeded'), endedAt: DAY + seconds * 1000, history };
    const record = recordOf({ ...acceptedRow(DAY), ...row, ...ended, ...changed });
    await engine.objects.put(recordKey(PREFIX, row), record, 'application/json');
  }
  const audited = (id: string, act: object) =>
    engine.objects.put(auditKey(PREFIX, id), JSON.stringify({ id, at: timeOf(id), ...act }), 'application/json');
  const run = (options: Options) => command({ deps: deployment }, 'report', options);
  return { ...engine, metrics, run, audited };
}

const idAt = (time: string) => v7({ msecs: Date.parse(`${time}Z`) });
const timeOf = (id: string) => new Date(Number.parseInt(id.replace('-', '').slice(0, 12), 16)).toISOString();
const AUDIT = idAt('2026-01-02T03:05');

/** The lines of a table that begin with this, by their cells. */
const cells = (lines: readonly string[], first: string) =>
  lines.filter((line) => line.startsWith(first)).map((line) => line.split(/ {2,}/));

test('the report of a month says which criteria are met, with their figures, and how jobs of each queue ended', async () => {
  const { objects, metrics, run } = await month([
    ...[1, 2, 3].map((n) => ({ n, seconds: n })),
    { n: 4, seconds: 4, without: [{ what: 'confirmation', code: 'StepUnknown' }] },
    { n: 5, seconds: 2_460, holds: 1, history: [{ at: DAY, event: 'held (stopped)' }] },
    { n: 6, ...dead },
    { n: 7, state: 'cancelled', reason: 'operator' },
    { n: 8, seconds: 70, holds: 1, notBefore: DAY + 60_000 },
    { n: 9, seconds: 500, parent: jobId(50) },
    { n: 10, seconds: 300_000, generation: 2 },
  ]);
  metrics.set('Canary', [{ at: DAY, value: 288 }]);
  metrics.set('EventsAccepted', [{ at: DAY, value: 1_000 }]);
  const summary = { day: '2026-01-02', complete: true, checked: 9, findings: {}, hidden: [] };
  await objects.put(verifiedKey(PREFIX, '2026-01-02'), JSON.stringify(summary), 'application/json');

  const { lines } = await run({ month: '2026-01' });
  const { json } = await run({ month: '2026-01', json: true });

  expect(cells(lines, 'The API')).toEqual([
    ['The API accepts a job in under 200 ms (p95)', '20 ms over 8 jobs', 'yes'],
  ]);
  expect(cells(lines, 'Processing')[0]?.slice(1)).toEqual([
    '4.0 s on average over 5 jobs; 1 waited for a vendor, the longest 41 min; 1 waited for an operator or were opened again, the longest 3 d 11 h',
    'yes',
  ]);
  expect(cells(lines, 'Under 1 %')[0]?.slice(1)).toEqual(['11.11 % (1 of 9)', 'NO']);
  expect(cells(lines, '99.9 %')).toEqual([
    ['99.9 % available: queues and workers, without vendors', '100.00 % of 288 canaries in time', 'yes'],
  ]);
  expect(cells(lines, 'Every message')[0]?.slice(1)).toEqual(['0 of 9 differ, 1 of 1 checks finished', 'yes']);
  expect(cells(lines, 'A month')[0]?.[2]).toBe('yes');
  expect(cells(lines, SAMPLE_QUEUE)).toEqual([
    [SAMPLE_QUEUE, '8', '1', '1', '11.11 %', '2'],
    [SAMPLE_QUEUE, '3', '10', '10', '0.02', '0.02', '0.02'],
  ]);
  expect(lines).toContain('Dead by error code: Rejected 1.');
  expect(lines).toContain('Succeeded without a part: confirmation StepUnknown 1.');
  expect(json).toMatchObject({
    report: 1,
    month: '2026-01',
    to: '2026-02-01T00:00:00.000Z',
    isOver: true,
    all: { succeeded: 8 },
    accepted: 1_000,
  });
});

test('a criterion without data is unknown, and what could not be read is said', async () => {
  const { objects, run } = await month([1, 2, 3, 4].map((n) => ({ n })));
  await objects.put(recordKey(PREFIX, { queue: SAMPLE_QUEUE, id: 'a', time: DAY }), 'no JSON', 'application/json');

  const { lines } = await run({ month: '2026-01' });

  expect(lines[1]).toMatch(/^\S+, 2026-01\. 1 record could not be read\.$/);
  expect(cells(lines, '99.9 %')[0]?.slice(1)).toEqual(['no data', 'unknown']);
  expect(cells(lines, SAMPLE_QUEUE)[0]?.[1]).toBe('4');
});

test('a report begins with one sentence, names waits and acts, has the month before beside it, and its JSON beside the page', async () => {
  const error = { class: 'stop', code: 'ZendeskUnauthorized', message: '401', vendor: 'zendesk' };
  const { run, audited } = await month([
    { n: 1 },
    { n: 2, seconds: 2_460, holds: 1, history: [{ at: DAY, event: 'held (stopped)', error }] },
    { n: 3, ...dead, history: [{ at: DAY, event: 'discarded (operator)', note: `audit ${AUDIT}` }] },
    { n: 4, time: Date.parse('2025-12-05T01:00:00Z') },
  ]);
  await audited(AUDIT, { action: 'console jobs.discard', reason: 'wrong form' });
  await audited(idAt('2026-01-31T23:59'), { action: 'queues pause', reason: 'for a@example.com' });
  await audited(idAt('2026-01-05T00:00'), { action: 'campaign preview', reads: true });
  await audited(idAt('2026-02-01T00:01'), { action: 'queues resume' });

  const { lines } = await run({ month: '2026-01', html: join(folder, 'month.html') });
  const html = readFileSync(join(folder, 'month.html'), 'utf8');

  const sentence = '3 of 4 goals met; sample waited for zendesk on the 2nd.';
  expect(lines[0]).toBe(sentence);
  expect(cells(lines, 'Jobs succeeded')).toEqual([['Jobs succeeded', '2', '1']]);
  expect(cells(lines, '2026-01-02')).toEqual([
    ['2026-01-02', 'sample', 'zendesk', '1', '41 min'],
    ['2026-01-02', 'jobs discard', '1', 'wrong form'],
  ]);
  expect(lines).toContain('2026-01-31  queues pause  0     names an address');
  expect(lines.join()).not.toMatch(/preview|queues resume|@/);
  expect(cells(lines, 'total')[0]).toHaveLength(4);
  expect(html).toContain(`<p>${sentence}</p>`);
  expect(html).toContain('<a href="month.json">month.json</a>');
  expect(JSON.parse(readFileSync(join(folder, 'month.json'), 'utf8'))).toMatchObject({
    ...{ sentence, usdPerThousandJobs: expect.any(Number), before: { month: '2025-12', all: { succeeded: 1 } } },
    criteria: [
      { value: 20, unit: 'ms', met: true },
      { unit: 'ms' },
      { unit: '%', met: false },
      {},
      {},
      { unit: 'USD' },
    ],
  });
});

test('the JSON of several clients is shown side by side, and each page loads nothing', async () => {
  const { run } = await month([{ n: 1 }]);
  const [first, second, page] = ['a.json', 'b.json', 'page.html'].map((name) => join(folder, name)) as Three;
  const { json } = await run({ month: '2026-01', json: true });
  writeFileSync(first, JSON.stringify(json));
  writeFileSync(second, JSON.stringify({ ...(json as object), instance: '<b>two</b>' }));

  const { lines } = await run({ compare: `${first},${second}`, html: page });
  const html = readFileSync(page, 'utf8');

  expect(lines[1]?.split(/ {2,}/)).toEqual(['FIGURE', expect.stringContaining('2026-01'), '<b>two</b> 2026-01']);
  expect(cells(lines, 'Jobs succeeded')).toEqual([['Jobs succeeded', '1', '1']]);
  expect(html).toContain('&#60;b&#62;two');
  expect(html).not.toMatch(/<script|<b>|src=|href=|@import|url\(/);
});

test.each<[Options, string]>([
  [{ month: '2999-01' }, '--month must not be in the future, is 2999-01.'],
  [{ month: '2026-13' }, '--month must be a month like 2026-01, is 2026-13.'],
  [{ month: 'May' }, '--month must be a month like 2026-01, is May.'],
  [{ month: '2025-05' }, 'has no records of 2025-05, and no metrics.'],
  [{ compare: 'none.json' }, 'none.json: cannot be read (ENOENT).'],
  [{ compare: 'package.json' }, 'package.json: is not a report. Make it with: sls report --json.'],
  [{ month: '2026-01', html: 'none/page.html' }, 'none/page.html: cannot be written (ENOENT).'],
])('%j is refused', async (options, message) => {
  const { run } = await month([{ n: 1 }]);

  await expect(run(options)).rejects.toThrow(message);
});
