import { queueAlarms } from '../../../resources/queue-alarms';
import { parseQueueTable } from '../../../resources/queue-table';
import { checkThresholds, parseThresholds } from '../../../resources/thresholds';

const stage = {
  ...{ dlqDepth: 1, dlqAge: 864_000, held: 3600, age: 1800, backlog: 1000, stalled: 1500 },
  ...{ errorRate: 1, errorRateJobs: 100, canary: 2, finish: 30 },
};
const row = { type: 'fifo', retention: 604_800, visibility: 300, receives: 3, batch: 1, ordered: false };
const rows = (alarms: object) => parseQueueTable({ feedback: { ...row, alarms } });

test('a row may have thresholds of its own', () => {
  const [own] = rows({ dlqDepth: '7' });
  const specs = own ? queueAlarms(own, { instance: 'acme', stage: parseThresholds(stage), canaries: false }) : [];

  expect(specs.find(({ kind }) => kind === 'dlq-depth')?.threshold).toBe(7);
  expect(specs.find(({ kind }) => kind === 'age')?.threshold).toBe(1800);
});

test.each<[string, object, string]>([
  ['a DLQ that is told of when it is too late', { dlqAge: 1_209_600 }, "dlqAge must be < the DLQ's retention"],
  ['an age that retries reach', { age: 900 }, 'age must be > the waits between attempts (1056'],
  ['a standstill that retries look like', { stalled: 1000 }, 'stalled must be > the waits between attempts (1056'],
  ['an age that no message reaches', { age: 604_800 }, "age must be < the queue's retention (604800)"],
])('%s is refused by row, rule and value', (_what, changes, expected) => {
  const check = () => checkThresholds(rows(changes), parseThresholds(stage), [60, 900]);

  expect(check).toThrow(`custom.queues.feedback: alarms.${expected}`);
});

test("thresholds that follow the rules are taken, and the stage's own are checked by name", () => {
  expect(() => checkThresholds(rows({}), parseThresholds(stage), [60, 900])).not.toThrow();
  expect(() => parseThresholds({ ...stage, held: 0, surprise: 1 })).toThrow(/custom\.alarms\.held: must be >= 1/);
  expect(() => parseThresholds({ ...stage, surprise: 1 })).toThrow('custom.alarms: unknown surprise');
});
