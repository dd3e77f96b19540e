import {
  AddPermissionCommand,
  CreateQueueCommand,
  ListDeadLetterSourceQueuesCommand,
  ListQueueTagsCommand,
  RemovePermissionCommand,
  TagQueueCommand,
  UntagQueueCommand,
} from '@aws-sdk/client-sqs';
import { conformance } from '../support/sqs-conformance';

conformance('The tags of a queue', (check) => {
  check('are set at its creation, added, replaced and removed', async (sqs) => {
    const { url, name } = await sqs.standard();
    const tags = async () => (await sqs.client.send(new ListQueueTagsCommand({ QueueUrl: url }))).Tags;
    const none = await tags();

    await sqs.client.send(new TagQueueCommand({ QueueUrl: url, Tags: { owner: 'api', cost: '1' } }));
    await sqs.client.send(new TagQueueCommand({ QueueUrl: url, Tags: { cost: '2' } }));
    const both = await tags();
    await sqs.client.send(new UntagQueueCommand({ QueueUrl: url, TagKeys: ['owner', 'unknown'] }));
    const one = await tags();
    const made = await sqs.client.send(new CreateQueueCommand({ QueueName: `${name}-tagged`, tags: { a: 'b' } }));
    sqs.created(made.QueueUrl);
    const { Tags: given } = await sqs.client.send(new ListQueueTagsCommand({ QueueUrl: made.QueueUrl }));

    expect([none, both, one, given]).toEqual([undefined, { owner: 'api', cost: '2' }, { cost: '2' }, { a: 'b' }]);
  });
});

conformance('The sources of a dead-letter queue', (check) => {
  check('are the queues whose redrive policy names it', async (sqs) => {
    const { queue, dlq } = await sqs.withDeadLetterQueue(sqs.fifo, 3);
    const sources = async (url: string) =>
      (await sqs.client.send(new ListDeadLetterSourceQueuesCommand({ QueueUrl: url }))).queueUrls;

    expect(await sources(dlq.url)).toEqual([queue.url]);
    expect(await sources(queue.url)).toEqual([]);
  });
});

conformance('The permissions of a queue', (check) => {
  check('are statements of its policy, by label', async (sqs) => {
    const queue = await sqs.standard();
    const account = queue.arn.split(':')[4] ?? '';
    const add = (Label: string) =>
      sqs.client.send(
        new AddPermissionCommand({ QueueUrl: queue.url, Label, AWSAccountIds: [account], Actions: ['SendMessage'] }),
      );
    const remove = (Label: string) => sqs.client.send(new RemovePermissionCommand({ QueueUrl: queue.url, Label }));
    const policy = async () => {
      const { Policy } = await sqs.attributesOf(queue, 'Policy');
      return Policy ? (JSON.parse(Policy) as { Statement: object[] }).Statement : [];
    };

    await add('one');
    await add('two');
    await expect(add('two')).rejects.toMatchObject({
      name: 'InvalidParameterValue',
      message: 'Value two for parameter Label is invalid. Reason: Already exists.',
    });
    const both = await policy();
    await remove('one');
    await expect(remove('one')).rejects.toMatchObject({
      message: "Value one for parameter Label is invalid. Reason: can't find label.",
    });

    expect(both).toEqual([
      expect.objectContaining({ Sid: 'one', Effect: 'Allow', Action: 'SQS:SendMessage', Resource: queue.arn }),
      expect.objectContaining({ Sid: 'two', Principal: { AWS: `arn:aws:iam::${account}:root` } }),
    ]);
    expect(await policy()).toHaveLength(1);
  });
});

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
