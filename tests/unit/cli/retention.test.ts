import { readFileSync } from 'node:fs';
import * as analytics from '../../../lib/analytics/keys';
import { retentions } from '../../../lib/cli/bucket-check';
import { readInstance } from '../../../lib/instances/read';
import * as keys from '../../../lib/jobs/keys';

const instance = readInstance('mht-api');
const { prefix } = instance;
const job = { queue: 'feedback', time: 0, id: 'an-id' };

/** A key of every kind of object that the service writes. */
const KEYS = {
  ...Object.fromEntries(
    Object.keys(instance.known).map((queue) => [`record of ${queue}`, keys.recordKey(prefix, { ...job, queue })]),
  ),
  body: keys.bodyKey(prefix, 'feedback', 'an-id'),
  'large job': `${keys.dataPrefix(prefix, 'emails')}a-campaign/recipients-00000`,
  attachment: `${keys.attachmentsPrefix(prefix, 'feedback')}a-principal/a-file`,
  recipients: keys.recipientsKey(prefix, job),
  event: `${keys.eventsPartition(prefix, 'emails', 0)}an-event`,
  audit: keys.auditKey(prefix, 'an-id'),
  events: analytics.dataKey(prefix, job),
  'rejected events': analytics.rejectedKey(prefix, job),
  'late events': analytics.lateKey(prefix, { ...job, arrived: 0 }),
  'Parquet object': analytics.partKey(prefix, { hour: 0, part: 0, of: 1 }),
};

const covering = (key: string) => retentions(instance).filter(({ folder }) => key.startsWith(folder));

test.each(Object.entries(KEYS))('one rule deletes an object that is a %s', (_what, key) => {
  expect(covering(key)).toHaveLength(1);
});

test('the claim of the folder has no retention', () => {
  expect(covering(keys.ownerKey(prefix))).toEqual([]);
});

test('what a job can need is kept for longer than its plan, its wait in a queue and its retry together', () => {
  const needed = 30 + 14 + 44;
  const days = [KEYS.body, KEYS['large job'], KEYS.attachment].flatMap(covering).map((rule) => rule.days);

  expect(Math.min(...days)).toBeGreaterThan(needed);
});

test('the table in docs/security.md has every retention', () => {
  const page = readFileSync('docs/security.md', 'utf8');

  const unused = Object.keys(instance.known).filter((queue) => !instance.rows.some((row) => row.name === queue));
  for (const { folder, days } of retentions(instance)) {
    const name = folder.slice(prefix.length + 1, -1).replace(/^(analytics)-\w+$/, '$1');
    if (unused.includes(name)) continue;
    expect(page).toMatch(new RegExp(`^\\|[^|]*${name}[^|]*\\|[^|]*\\|[^|]*${days} days[^|]*\\|$`, 'm'));
  }
});
