import { randomUUID } from 'node:crypto';
import { DeleteQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { createSqsModel } from '../../packages/local/sqs/model';
import { startSqs } from '../../packages/local/sqs/server';
import { controlledClock } from './controlled-clock';

export interface SqsTarget {
  client: SQSClient;
  /** Seconds that a receive must wait before an empty answer proves that the queue is empty. */
  patience: number;
  pass(seconds: number): Promise<void>;
  /** Lets time pass once an earlier request waits for it. */
  passWhileWaiting(seconds: number): Promise<void>;
  close(queueUrls: string[]): Promise<void>;
}

/** The model behind its server. Only a check moves its clock. */
export async function localSqs(): Promise<SqsTarget> {
  const clock = controlledClock();
  const model = createSqsModel({ now: clock.now, uuid: randomUUID });
  const server = await startSqs(model, 0, clock);
  const client = new SQSClient({
    endpoint: server.url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    useQueueUrlAsEndpoint: false,
  });
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
export async function realSqs(): Promise<SqsTarget> {
  const client = new SQSClient({ useQueueUrlAsEndpoint: false });
  const pass = (seconds: number) => new Promise<void>((resolve) => setTimeout(resolve, seconds * 1000 + 500));
  return {
    client,
    patience: 2,
    pass,
    passWhileWaiting: pass,
    async close(queueUrls) {
      await Promise.allSettled(queueUrls.map((QueueUrl) => client.send(new DeleteQueueCommand({ QueueUrl }))));
      client.destroy();
    },
  };
}
