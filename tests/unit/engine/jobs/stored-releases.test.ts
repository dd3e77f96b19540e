import { readdirSync, readFileSync } from 'node:fs';
import { jobKey, recordKey } from '../../../../lib/engine/jobs/keys';
import { ATTRIBUTE } from '../../../../lib/engine/jobs/messages';
import { recordOf, rowOfRecord } from '../../../../lib/engine/jobs/record';
import { isEnd } from '../../../../lib/engine/jobs/row';
import { rowOf } from '../../../../lib/engine/jobs/row-schema';
import { withSchedule } from '../../../../lib/engine/jobs/schedule';
import { REASONS, STATES } from '../../../../lib/engine/jobs/states';
import { identify } from '../../../../lib/engine/worker/claim';
import type { Item } from '../../../../lib/platform/ports';
import { explain } from '../../../../packages/console/explain';
import { memoryObjects } from '../../../support/memory-objects';

const FOLDER = 'tests/fixtures/stored';
const QUEUES = ['feedback', 'emails', 'testflight', 'analytics'];

/** One thing that a release has stored. tests/fixtures/stored/write.ts writes them. */
type Stored =
  | { row: Item }
  | { record: { queue: string; id: string; time: string; state: string; reason?: string; generation: number } }
  | { entry: { queue: string; messageId: string; body: string; attributes: Record<string, string> } };

describe.each(readdirSync(FOLDER).filter((name) => name.endsWith('.ndjson')))('what release %s has stored', (file) => {
  const lines = readFileSync(`${FOLDER}/${file}`, 'utf8').trim().split('\n');
  const all = lines.map((line) => JSON.parse(line) as Stored);
  const rows = all.flatMap((one) => ('row' in one ? [one.row] : []));
  const records = all.flatMap((one) => ('record' in one ? [one.record] : []));
  const entries = all.flatMap((one) => ('entry' in one ? [one.entry] : []));

  test.each(rows.map((row) => [`${row.queue} ${row.state} (${row.reason})`, row]))(
    'a row of %s is read, explained, and found where it was',
    (_what, item) => {
      const row = rowOf(item);
      const { todo, accepted, inGroup } = withSchedule(row, { retention: 3_600 });

      expect(explain(row, row.updatedAt).sentence).toMatch(/^[A-Za-z].+\.$/);
      expect([todo, accepted, inGroup]).toEqual([item.todo, item.accepted, item.inGroup]);
      if (isEnd(row.state)) expect(rowOfRecord(recordOf(row), row.key)).toMatchObject({ state: row.state });
    },
  );

  test.each(records.map((record) => [`${record.queue} ${record.state} (${record.reason})`, record]))(
    'a record of %s is read',
    (_what, record) => {
      const row = rowOfRecord(JSON.stringify(record), jobKey(record.queue, record.id));

      const { queue, id, state, reason, generation } = record;
      expect(row).toMatchObject({ queue, id, state, generation, time: Date.parse(record.time) });
      expect(row.reason).toBe(reason);
      expect(recordKey('jobs', row)).toMatch(/\/year=\d{4}\/month=\d\d\/day=\d\d\/hour=\d\d\/[\w/-]+\.json$/);
    },
  );

  test.each(entries.map((entry) => [`${entry.queue} with the code ${entry.attributes.code}`, entry]))(
    'a DLQ entry of %s names its job',
    async (_what, { queue, ...message }) => {
      const { id } = await identify({ objects: memoryObjects(), prefix: 'jobs' }, queue, message);

      // A message that SQS moved has no attributes.
      expect(id).toBe(message.attributes[ATTRIBUTE.job] ?? (JSON.parse(message.body) as { id: string }).id);
    },
  );

  test('holds each state and reason, and each state of each queue', () => {
    const states = rows.map(({ queue, state }) => `${queue} ${state}`);

    expect([...new Set(rows.flatMap(({ reason }) => reason ?? []))].toSorted()).toEqual(REASONS.toSorted());
    expect([...new Set(states)].toSorted()).toEqual(
      QUEUES.flatMap((queue) => STATES.map((state) => `${queue} ${state}`))
        // Its jobs call no vendor.
        .filter((state) => state !== 'analytics held')
        .toSorted(),
    );
    expect([...new Set(records.map(({ queue }) => queue))].toSorted()).toEqual(QUEUES.toSorted());
    expect([...new Set(entries.map(({ queue }) => queue))].toSorted()).toEqual(QUEUES.toSorted());
  });
});
