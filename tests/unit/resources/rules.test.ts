import { ConfigurationProblems } from '../../../resources/problems';
import { checkFunctions, checkSchedule, type FunctionBlock } from '../../../resources/rules';
import { queueRow } from '../../support/queue-row';

const sqs = {
  arn: { 'Fn::GetAtt': ['FeedbackQueue', 'Arn'] },
  batchSize: 1,
  functionResponseType: 'ReportBatchItemFailures',
};
const block: FunctionBlock = { name: 'acme-feedback', timeout: 45, events: [{ sqs }] };
const check = (functions: Record<string, FunctionBlock>) => () => checkFunctions([queueRow('feedback')], functions);

test('a queue with a function of the same name is accepted', () => {
  expect(check({ feedback: block })).not.toThrow();
});

test('a queue needs a function with the same name', () => {
  expect(check({ other: block })).toThrow('functions.feedback: is missing, but there is a queue with this name');
});

test.each<[string, Partial<FunctionBlock>, string]>([
  [
    'without an sqs event',
    { events: [{ schedule: 'x' }] },
    'must have an sqs event with arn !GetAtt FeedbackQueue.Arn',
  ],
  [
    'with the event of another queue',
    { events: [{ sqs: { ...sqs, arn: { 'Fn::GetAtt': ['EmailsQueue', 'Arn'] } } }] },
    'must have an sqs event with arn !GetAtt FeedbackQueue.Arn',
  ],
  ['with another time-out', { timeout: 50 }, "timeout must be the queue's (45), is 50"],
  [
    'with another batch size',
    { events: [{ sqs: { ...sqs, batchSize: 10 } }] },
    "batchSize must be the queue's batch (1), is 10",
  ],
  [
    'without partial batch responses',
    { events: [{ sqs: { ...sqs, functionResponseType: undefined } }] },
    'functionResponseType must be ReportBatchItemFailures, is missing',
  ],
])('a function %s is refused', (_what, wrong, expected) => {
  expect(check({ feedback: { ...block, ...wrong } })).toThrow(`functions.feedback: ${expected}`);
});

test('the stack of a configuration problem holds no frames', () => {
  expect(new ConfigurationProblems(['functions.feedback: wrong']).stack).not.toContain(' at ');
});

test('the reconciler may run every minute', () => {
  expect(() => checkSchedule([{ schedule: 'rate(1 minute)' }])).not.toThrow();
});

test.each([
  [[{ schedule: 'rate(5 minutes)' }], 'is "rate(5 minutes)"'],
  [[{ schedule: { rate: ['cron(0 * * * ? *)'] } }], 'is {"rate":["cron(0 * * * ? *)"]}'],
  [[{ schedule: 'rate(1 minute)' }, { schedule: 'rate(1 hour)' }], 'is "rate(1 minute)" and "rate(1 hour)"'],
  [[{ sqs: {} }], 'is missing'],
  [undefined, 'is missing'],
])('events %j are refused with function, rule and value', (events, found) => {
  expect(() => checkSchedule(events)).toThrow(`functions.reconciler: schedule must be rate(1 minute), ${found}`);
});
