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
 * Checks of AWS's behaviour, each titled with a sentence, through the real SDK. They run against the model, on a clock
 * that the checks control. With SQS_CONFORMANCE=aws they run against a real account, in real time. A check that needs
 * more than SQS_CONFORMANCE_WAIT seconds (60) is then listed instead of run.
 */
const REAL = process.env.SQS_CONFORMANCE === 'aws';
const LONGEST_WAIT = Number(process.env.SQS_CONFORMANCE_WAIT ?? 60);

export interface TestQueue {
  url: string;
  arn: string;
  name: string;
}

type Attributes = Partial<Record<QueueAttributeName, string>>;

export type Sqs = ReturnType<typeof driver>;

/**
 * Checks by their sentences: what a check does, and what its answer must match. A refusal answers its error. `seconds`
 * is the time that it lets pass in total.
 */
export type Checks = Record<string, [act: (sqs: Sqs) => Promise<unknown>, expected: unknown, seconds?: number]>;

export function conformance(title: string, checks: Checks): void {
  const all = Object.entries(checks);
  const isTooLong = ([, [, , seconds = 0]]: (typeof all)[number]) => REAL && seconds > LONGEST_WAIT;
  describe(title, () => {
    let target: SqsTarget;
    const created: string[] = [];
    beforeAll(async () => {
      target = await (REAL ? realSqs() : localSqs());
    });
    afterAll(async () => {
      await target.close(created);
      for (const [sentence] of all.filter(isTooLong))
        process.stdout.write(`needs a controlled clock: ${title} ${sentence}\n`);
    });

    for (const check of all.filter((one) => !isTooLong(one))) {
      const [sentence, [act, expected, seconds = 0]] = check;
      const run = async () => {
        const answer = await act(driver(target, created)).catch((error: unknown) => error);
        if (typeof expected === 'object' && expected !== null) expect(answer).toMatchObject(expected);
        else expect(answer).toBe(expected);
      };
      test(sentence, run, REAL ? (seconds + 60) * 1000 : 5000);
    }
  });
}

function driver(target: SqsTarget, created: string[]) {
  const { client, pass, passWhileWaiting } = target;

  async function create(suffix: string, attributes: Attributes): Promise<TestQueue> {
    const name = `conformance-${randomUUID()}${suffix}`;
    const { QueueUrl: url = '' } = await client.createQueue({ QueueName: name, Attributes: attributes });
    created.push(url);
    const arn = (await attributesOf({ url }, 'QueueArn')).QueueArn ?? '';
    return { url, arn, name };
  }

  const attributesOf = async ({ url }: Pick<TestQueue, 'url'>, ...names: QueueAttributeName[]) =>
    (await client.getQueueAttributes({ QueueUrl: url, AttributeNames: names })).Attributes ?? {};

  const fifo = (attributes: Attributes = {}) => create('.fifo', { FifoQueue: 'true', ...attributes });
  const standard = (attributes: Attributes = {}) => create('', attributes);

  async function withDeadLetterQueue(make: typeof fifo, maxReceiveCount: number, attributes: Attributes = {}) {
    const dlq = await make();
    const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: dlq.arn, maxReceiveCount });
    return { queue: await make({ RedrivePolicy, ...attributes }), dlq };
  }

  /** Sends a message. In a FIFO queue the default group is `g1`, and the default deduplication id is the body. */
  const send = (queue: TestQueue, body: string, options: Partial<SendMessageCommandInput> = {}) =>
    client.sendMessage({
      QueueUrl: queue.url,
      MessageBody: body,
      ...(queue.name.endsWith('.fifo') && { MessageGroupId: 'g1', MessageDeduplicationId: body }),
      ...options,
    });

  async function receive(queue: TestQueue, options: Partial<ReceiveMessageCommandInput> = {}): Promise<Message[]> {
    const { Messages = [] } = await client.receiveMessage({
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

  /** A queue with a message whose visibility timeout of 2 s has ended, 3 s after its receive. */
  async function timedOut(make: typeof fifo) {
    const queue = await make({ VisibilityTimeout: '2' });
    await send(queue, 'm1');
    const older = await receiveOne(queue);
    await pass(3);
    return { queue, older };
  }

  return {
    client,
    pass,
    passWhileWaiting,
    timedOut,
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
      client.setQueueAttributes({ QueueUrl: url, Attributes: attributes }),
    remove: (queue: TestQueue, { ReceiptHandle }: Message) =>
      client.deleteMessage({ QueueUrl: queue.url, ReceiptHandle }),
    hide: (queue: TestQueue, { ReceiptHandle }: Message, seconds: number) =>
      client.changeMessageVisibility({ QueueUrl: queue.url, ReceiptHandle, VisibilityTimeout: seconds }),
  };
}

interface SqsTarget {
  client: SQS;
  /** Seconds that a receive must wait before an empty answer proves that the queue is empty. */
  patience: number;
  pass(seconds: number): Promise<void>;
  /** Lets time pass once an earlier request waits for it. */
  passWhileWaiting(seconds: number): Promise<void>;
  close(queueUrls: string[]): Promise<void>;
}

/** The model behind its server. Only a check moves its clock. */
async function localSqs(): Promise<SqsTarget> {
  const clock = controlledClock();
  const model = createSqsModel({ now: clock.now, uuid: randomUUID });
  const server = await startSqs(model, 0, clock);
  const client = new SQS({ ...localConfig(server.url), useQueueUrlAsEndpoint: false });
  return {
    client,
    patience: 0,
    pass: async (seconds) => clock.advance(seconds * 1000),
    async passWhileWaiting(seconds) {
      await clock.armed();
      clock.advance(seconds * 1000);
    },
    async close() {
      client.destroy();
      await server.close();
    },
  };
}

/** A real account with the credentials and region of the environment. The queues are deleted afterwards. */
async function realSqs(): Promise<SqsTarget> {
  const client = new SQS({ useQueueUrlAsEndpoint: false });
  const pass = (seconds: number) => new Promise<void>((resolve) => setTimeout(resolve, seconds * 1000 + 500));
  return {
    client,
    patience: 2,
    pass,
    passWhileWaiting: pass,
    async close(queueUrls) {
      await Promise.allSettled(queueUrls.map((QueueUrl) => client.deleteQueue({ QueueUrl })));
      client.destroy();
    },
  };
}
