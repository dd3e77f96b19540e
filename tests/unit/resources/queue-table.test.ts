import { ConfigurationProblems } from '../../../resources/problems';
import { parseQueueTable, settings } from '../../../resources/queue-table';
import { checkFunctions, type FunctionBlock } from '../../../resources/rules';

const row = { type: 'fifo', retention: 1_209_600, visibility: 300, receives: 3, batch: 1, ordered: false };
const sqs = {
  arn: { 'Fn::GetAtt': ['FeedbackQueue', 'Arn'] },
  batchSize: 1,
  functionResponseType: 'ReportBatchItemFailures',
};
const block: FunctionBlock = { timeout: 45, events: [{ sqs }] };

function problemsOf(check: () => unknown): string[] {
  try {
    check();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationProblems);
    return (error as Error).message.split('\n').flatMap((line) => line.trim() || []);
  }
  return [];
}
const tableProblems = (changes: object) => problemsOf(() => parseQueueTable({ feedback: { ...row, ...changes } }));
const functionProblems = (changes: object, blocks: Record<string, FunctionBlock> = { feedback: block }) =>
  problemsOf(() => checkFunctions(parseQueueTable({ feedback: { ...row, ...changes } }), blocks));

test('a valid row is accepted, and missing fields get their defaults', () => {
  const [parsed] = parseQueueTable({ feedback: row });

  expect(parsed).toEqual({
    ...row,
    name: 'feedback',
    throughput: 'normal',
    repeatable: false,
    dlq: { retention: 1_209_600 },
    alarms: {},
  });
  expect(functionProblems({})).toEqual([]);
});

test('a number may be text, as it is on the command line', () => {
  const [parsed] = parseQueueTable({ feedback: { ...row, visibility: '300' } });

  expect(parsed?.visibility).toBe(300);
});

test.each<[string, object, string]>([
  ['a FIFO batch over ten', { batch: 11, repeatable: true }, 'batch of a FIFO queue must be <= 10, is 11'],
  [
    'a batch of jobs that must not run twice',
    { batch: 10 },
    'batch must be 1 unless the row says repeatable: true, is 10',
  ],
  ['no receives', { receives: 0 }, 'receives must be >= 1, is 0'],
  ['retention below a minute', { retention: 59 }, 'retention must be >= 60, is 59'],
  ['retention over 14 days', { retention: 1_209_601 }, 'retention must be <= 1209600, is 1209601'],
  ['a DLQ of the other type', { dlq: { type: 'standard' } }, "dlq.type must be the queue's (fifo), is standard"],
  [
    'a DLQ with a shorter retention than its queue',
    { dlq: { retention: 3600 } },
    "dlq.retention must be >= the queue's (1209600), is 3600",
  ],
  [
    'an ordered standard queue',
    { type: 'standard', ordered: true },
    'ordered must be false on a standard queue, is true',
  ],
  [
    'a standard queue with high throughput',
    { type: 'standard', throughput: 'high' },
    'throughput must be normal on a standard queue, is high',
  ],
  ['an unknown type', { type: 'lifo' }, 'type must be fifo or standard, is "lifo"'],
  ['text for a number', { visibility: 'long' }, 'visibility must be a whole number, is "long"'],
  ['a missing field', { receives: undefined }, 'receives must be a whole number, is missing'],
  ['an unknown field', { delay: 5 }, 'unknown delay'],
])('%s is refused with row, rule and value', (_what, changes, expected) => {
  expect(tableProblems(changes)).toEqual([`custom.queues.feedback: ${expected}`]);
});

test('all problems of all rows are reported together, one per line', () => {
  const problems = problemsOf(() =>
    parseQueueTable({ feedback: { ...row, receives: 0, batch: 'x' }, Emails: { ...row, batch: 11 }, none: null }),
  );

  expect(problems).toEqual([
    'custom.queues.feedback: receives must be >= 1, is 0',
    'custom.queues.feedback: batch must be a whole number, is "x"',
    'custom.queues.Emails: name must be 1 to 20 lowercase letters, digits or hyphens, is Emails',
    'custom.queues.Emails: batch of a FIFO queue must be <= 10, is 11',
    'custom.queues.Emails: batch must be 1 unless the row says repeatable: true, is 11',
    'custom.queues.none: must be a table, is null',
  ]);
});

test('the stack of a configuration problem holds no frames', () => {
  expect(new ConfigurationProblems(['custom.queues.feedback: wrong']).stack).not.toContain(' at ');
});

test('visibility must be at least six times the time-out of the function', () => {
  expect(functionProblems({ visibility: 269 })).toEqual([
    "custom.queues.feedback: visibility must be >= 6 x the function's timeout (270), is 269",
  ]);
  expect(functionProblems({ visibility: 270 })).toEqual([]);
});

test('a row needs a function with the same name', () => {
  expect(functionProblems({}, { other: block })).toEqual([
    'custom.queues.feedback: must have a function with the same name, functions.feedback is missing',
  ]);
});

test.each<[string, FunctionBlock, string]>([
  [
    'without an sqs event',
    { timeout: 45, events: [{ schedule: 'rate(1 minute)' }] },
    'functions.feedback must have an sqs event with arn !GetAtt FeedbackQueue.Arn',
  ],
  [
    'with the event of another queue',
    { timeout: 45, events: [{ sqs: { ...sqs, arn: { 'Fn::GetAtt': ['EmailsQueue', 'Arn'] } } }] },
    'functions.feedback must have an sqs event with arn !GetAtt FeedbackQueue.Arn',
  ],
  [
    'with another batch size',
    { timeout: 45, events: [{ sqs: { ...sqs, batchSize: 10 } }] },
    "batchSize of functions.feedback must be the row's batch (1), is 10",
  ],
  [
    'without partial batch responses',
    { timeout: 45, events: [{ sqs: { ...sqs, functionResponseType: undefined } }] },
    'functionResponseType of functions.feedback must be ReportBatchItemFailures, is missing',
  ],
])('a function %s is refused', (_what, wrong, expected) => {
  expect(functionProblems({}, { feedback: wrong })).toEqual([`custom.queues.feedback: ${expected}`]);
});

test('the functions read only the settings of a queue', () => {
  const [parsed] = parseQueueTable({ feedback: row });

  expect(parsed && settings(parsed)).toEqual({
    type: 'fifo',
    retention: 1_209_600,
    dlqRetention: 1_209_600,
    visibility: 300,
    receives: 3,
    ordered: false,
  });
});
