import { logicalId } from '../../../resources/logical-id';

test('logical ids never change, because CloudFormation would replace the live queue', () => {
  const ids = (['Queue', 'QueuePolicy', 'Dlq', 'DlqPolicy'] as const).map((part) => logicalId('feedback', part));

  expect(ids).toEqual(['FeedbackQueue', 'FeedbackQueuePolicy', 'FeedbackDlq', 'FeedbackDlqPolicy']);
  expect(logicalId('email-events', 'Queue')).toBe('EmailEventsQueue');
});
