import { queueAlarms } from '../../../resources/queue-alarms';
import { parseQueueTable } from '../../../resources/queue-table';
import { checkThresholds } from '../../../resources/rules';
import { parseThresholds } from '../../../resources/thresholds';

const stage = {
  ...{ dlqDepth: 1, dlqAge: 864_000, held: 3600, age: 1800, backlog: 1000, stalled: 1500 },
  ...{ errorRate: 1, errorRateJobs: 100, canary: 2, finish: 30 },
};
const row = { type: 'fifo', retention: 604_800, visibility: 300, receives: 3, batch: 1, ordered: false };
const rows = (alarms: object) => parseQueueTable({ feedback: { ...row, alarms } });

test('a row may override thresholds', () => {
  const [own] = rows({ dlqDepth: '7' });
  const specs = own ? queueAlarms(own, { instance: 'acme', stage: parseThresholds(stage), canaries: false }) : [];

  expect(specs.find(({ kind }) => kind === 'dlq-depth')?.threshold).toBe(7);
  expect(specs.find(({ kind }) => kind === 'age')?.threshold).toBe(1800);
});

test.each<[string, object, string]>([
  [
    'an alarm on the age of DLQ entries that comes too late',
    { dlqAge: 1_209_600 },
    "dlqAge must be < the DLQ's retention",
  ],
  ['a message age that normal retries reach', { age: 900 }, 'age must be > the waits between attempts (1056'],
  [
    'a limit for a stalled queue that normal retries reach',
    { stalled: 1000 },
    'stalled must be > the waits between attempts (1056',
  ],
  ['a message age that no message reaches', { age: 604_800 }, "age must be < the queue's retention (604800)"],
])('%s is refused with row, rule and value', (_what, changes, expected) => {
  const check = () => checkThresholds(rows(changes), parseThresholds(stage), [60, 900]);

  expect(check).toThrow(`custom.queues.feedback: alarms.${expected}`);
});

test('valid thresholds are accepted, and problems of the stage name the threshold', () => {
  expect(() => checkThresholds(rows({}), parseThresholds(stage), [60, 900])).not.toThrow();
  expect(() => parseThresholds({ ...stage, held: 0, surprise: 1 })).toThrow(/custom\.alarms\.held: must be >= 1/);
  expect(() => parseThresholds({ ...stage, surprise: 1 })).toThrow('custom.alarms: unknown surprise');
});
