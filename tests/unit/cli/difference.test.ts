import { differenceLines, differenceOf } from '../../../lib/cli/difference';
import type { Template } from '../../../lib/cli/serverless';

const queue = (name: string, properties: object = {}, rest: object = {}) => ({
  Type: 'AWS::SQS::Queue',
  Properties: { QueueName: name, VisibilityTimeout: 300, ...properties },
  ...rest,
});
const template = (Resources: Template['Resources']): Template => ({ Resources });
const lines = (before: Template | undefined, after: Template) => differenceLines(differenceOf(before, after));

test('without a stack every resource is created', () => {
  expect(lines(undefined, template({ A: queue('a'), B: { Type: 'AWS::SQS::QueuePolicy' } }))).toEqual([
    '  create AWS::SQS::Queue a',
    '  create AWS::SQS::QueuePolicy B',
  ]);
});

test('the same template changes nothing, in whatever order its keys are', () => {
  const before = template({ A: { Type: 'T', Properties: { x: { a: 1, b: 2 }, y: [1] } } });
  const after = template({ A: { Type: 'T', Properties: { y: [1], x: { b: 2, a: 1 } } } });

  expect(lines(before, after)).toEqual([]);
});

test('changed, new and lost properties are named, and so is a changed deletion policy', () => {
  const before = template({ A: queue('a', { Tags: [], KmsMasterKeyId: 'k' }, { DeletionPolicy: 'Retain' }) });
  const after = template({ A: queue('a', { Tags: [], VisibilityTimeout: 600, FifoThroughputLimit: 'perQueue' }) });

  expect(lines(before, after)).toEqual([
    '  change AWS::SQS::Queue a: VisibilityTimeout, KmsMasterKeyId, DeletionPolicy, FifoThroughputLimit',
  ]);
});

test('a changed name replaces a resource, and the line has the name of today', () => {
  expect(lines(template({ A: queue('a') }), template({ A: queue('b') }))).toEqual([
    '  REPLACE AWS::SQS::Queue a: QueueName',
  ]);
});

test('a resource that is gone is removed, or left in the account if its policy says so', () => {
  const before = template({ A: queue('a'), B: queue('b', {}, { DeletionPolicy: 'Retain' }) });

  expect(lines(before, template({}))).toEqual(['  no longer manage AWS::SQS::Queue b', '  REMOVE AWS::SQS::Queue a']);
});

test('another type under the same id removes one resource and creates another', () => {
  expect(lines(template({ A: queue('a') }), template({ A: { Type: 'AWS::SNS::Topic' } }))).toEqual([
    '  create AWS::SNS::Topic A',
    '  REMOVE AWS::SQS::Queue a',
  ]);
});

test('the dangerous changes come last', () => {
  const before = template({ A: queue('a'), B: queue('b'), C: queue('c') });
  const after = template({ A: queue('a2'), C: queue('c', { VisibilityTimeout: 1 }), D: queue('d') });

  expect(lines(before, after).map((line) => line.trim().split(' ')[0])).toEqual([
    'create',
    'change',
    'REPLACE',
    'REMOVE',
  ]);
});
