import { conformance } from '../support/sqs-conformance';

conformance('An attribute of a queue', (check) => {
  check('takes true and false in any case', async (sqs) => {
    const queue = await sqs.fifo({ FifoQueue: 'True', ContentBasedDeduplication: 'False' });

    expect(await sqs.attributesOf(queue, 'FifoQueue', 'ContentBasedDeduplication')).toEqual({
      FifoQueue: 'true',
      ContentBasedDeduplication: 'false',
    });
  });

  check('shows the maximum number of receives as a number', async (sqs) => {
    const dlq = await sqs.standard();
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: dlq.arn, maxReceiveCount: '5' });
    const queue = await sqs.standard({ RedrivePolicy });

    const shown = await sqs.attributesOf(queue, 'RedrivePolicy');

    expect(JSON.parse(shown.RedrivePolicy ?? '')).toEqual({ deadLetterTargetArn: dlq.arn, maxReceiveCount: 5 });
  });
});
