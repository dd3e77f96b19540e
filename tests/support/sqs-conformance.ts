import { randomUUID } from 'node:crypto';
import {
  type Message,
  type QueueAttributeName,
  type ReceiveMessageCommandInput,
  type SendMessageCommandInput,
  SQS,
} from '@aws-sdk/client-sqs';
import { localConfig } from '../../packages/local/connection';
import { createSqsModel } from '../../packages/local/sqs/model';
import { startSqs } from '../../packages/local/sqs/server';
import { controlledClock } from './controlled-clock';

/**
 * What checks of AWS's behaviour use, through the real SDK. They run against the model, on a clock that they control.
 * With SQS_CONFORMANCE=aws they run against a real account, in real time. A check that needs more than
 * SQS_CONFORMANCE_WAIT seconds (60) is then listed instead of run.
 */
const REAL = process.env.SQS_CONFORMANCE === 'aws';
const LONGEST_WAIT = Number(process.env.SQS_CONFORMANCE_WAIT ?? 60);
if (REAL) jest.setTimeout((LONGEST_WAIT + 60) * 1000);

/** Makes a check that lets so many seconds pass in total. */
export const lasting =
  (seconds: number) =>
  (sentence: string, check: () => Promise<void>): void => {
    if (REAL && seconds > LONGEST_WAIT) process.stdout.write(`needs a controlled clock: ${sentence}\n`);
    else test(sentence, check);
  };

export const INVALID = 'InvalidParameterValue';

/** What a check expects of a refusal. Only few messages matter to our code or logs. */
export const refusal = (name: string, message: unknown = expect.any(String)) => ({ name, message });

export interface TestQueue {
  url: string;
  arn: string;
  name: string;
}

export type Attributes = Partial<Record<QueueAttributeName, string>>;

/** Starts SQS for the checks of a file, and deletes their queues afterwards. */
export function sqsForChecks() {
  let target: SqsTarget;
  const created: string[] = [];
  beforeAll(async () => {
    target = await (REAL ? realSqs() : localSqs());
  });
  afterAll(() => target.close(created));

  async function create(suffix: string, attributes: Attributes): Promise<TestQueue> {
    const name = `conformance-${randomUUID()}${suffix}`;
    const { QueueUrl: url = '' } = await target.client.createQueue({ QueueName: name, Attributes: attributes });
    created.push(url);
    const arn = (await attributesOf({ url }, 'QueueArn')).QueueArn ?? '';
    return { url, arn, name };
  }

  const attributesOf = async ({ url }: Pick<TestQueue, 'url'>, ...names: QueueAttributeName[]) =>
    (await target.client.getQueueAttributes({ QueueUrl: url, AttributeNames: names })).Attributes ?? {};

  const fifo = (attributes: Attributes = {}) => create('.fifo', { FifoQueue: 'true', ...attributes });
  const standard = (attributes: Attributes = {}) => create('', attributes);

  async function withDeadLetterQueue(make: typeof fifo, maxReceiveCount: number, attributes: Attributes = {}) {
    const dlq = await make();
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: dlq.arn, maxReceiveCount });
    return { queue: await make({ RedrivePolicy, ...attributes }), dlq };
  }

  /** Sends a message. In a FIFO queue the default group is `g1`, and the default deduplication id is the body. */
  const send = (queue: TestQueue, body: string, options: Partial<SendMessageCommandInput> = {}) =>
    target.client.sendMessage({
      QueueUrl: queue.url,
      MessageBody: body,
      ...(queue.name.endsWith('.fifo') && { MessageGroupId: 'g1', MessageDeduplicationId: body }),
      ...options,
    });

  async function receive(queue: TestQueue, options: Partial<ReceiveMessageCommandInput> = {}): Promise<Message[]> {
    const { Messages = [] } = await target.client.receiveMessage({
      QueueUrl: queue.url,
      MaxNumberOfMessages: 10,
      WaitTimeSeconds: target.patience,
      MessageSystemAttributeNames: ['All'],
      MessageAttributeNames: ['All'],
      ...options,
    });
    return Messages;
  }

  async function receiveOne(queue: TestQueue, options: Partial<ReceiveMessageCommandInput> = {}): Promise<Message> {
    const [message] = await receive(queue, { MaxNumberOfMessages: 1, ...options });
    if (!message) throw new Error('nothing was received');
    return message;
  }

  /** A queue with one message that was just received. */
  async function received(make: typeof fifo, attributes: Attributes = {}) {
    const queue = await make(attributes);
    const sent = await send(queue, 'm1');
    return { queue, sent, message: await receiveOne(queue) };
  }

  return {
    /** The SDK's client, for calls that few checks need. */
    client: () => target.client,
    pass: (seconds: number) => target.pass(seconds),
    received,
    /** A queue with a message whose visibility timeout of 2 s has ended, 3 s after its receive. */
    async timedOut(make: typeof fifo) {
      const { queue, message: older } = await received(make, { VisibilityTimeout: '2' });
      await target.pass(3);
      return { queue, older };
    },
    fifo,
    standard,
    withDeadLetterQueue,
    attributesOf,
    send,
    receive,
    receiveOne,
    /** The bodies of what one receive returns, as `m1 m2`. */
    bodies: async (...parameters: Parameters<typeof receive>) =>
      (await receive(...parameters)).map(({ Body }) => Body).join(' '),
    set: ({ url }: TestQueue, attributes: Attributes) =>
      target.client.setQueueAttributes({ QueueUrl: url, Attributes: attributes }),
    remove: (queue: TestQueue, { ReceiptHandle }: Message) =>
      target.client.deleteMessage({ QueueUrl: queue.url, ReceiptHandle }),
    hide: (queue: TestQueue, { ReceiptHandle }: Message, seconds: number) =>
      target.client.changeMessageVisibility({ QueueUrl: queue.url, ReceiptHandle, VisibilityTimeout: seconds }),
  };
}

type SqsTarget = Awaited<ReturnType<typeof realSqs>>;

/** The model behind its server. Only a check moves its clock. */
async function localSqs() {
  const clock = controlledClock();
  const model = createSqsModel({ now: clock.now, uuid: randomUUID });
  const server = await startSqs(model);
  // A second try would hide a request that is not answered.
  const client = new SQS({ ...localConfig(server.url), useQueueUrlAsEndpoint: false, maxAttempts: 1 });
  return {
    client,
    patience: 0,
    pass: async (seconds: number) => clock.advance(seconds * 1000),
    async close() {
      client.destroy();
      await server.close();
    },
  };
}

/** A real account with the credentials and region of the environment. The queues are deleted afterwards. */
async function realSqs() {
  const client = new SQS({ useQueueUrlAsEndpoint: false });
  const pass = (seconds: number) => new Promise<void>((resolve) => setTimeout(resolve, seconds * 1000 + 500));
  return {
    client,
    /** Seconds that a receive must wait before an empty answer proves that the queue is empty. */
    patience: 2,
    pass,
    async close(queueUrls: string[]) {
      await Promise.allSettled(queueUrls.map((QueueUrl) => client.deleteQueue({ QueueUrl })));
      client.destroy();
    },
  };
}
