import { dlqName, queueName } from '../../lib/engine/jobs/keys';
import type { QueueSettings } from '../../lib/platform/config/functions';
import { queueArn } from '../../packages/local/loopback';
import type { SqsModel } from '../../packages/local/sqs/model';

export const fifoSettings = {
  ...{ type: 'fifo' as const, retention: 1_209_600, dlqRetention: 1_209_600 },
  ...{ visibility: 300, receives: 3, room: 200 },
};

type Redriven = Pick<QueueSettings, 'type' | 'receives'>;

/** A queue of an instance, by its name in the code. */
export interface Named {
  instance: string;
  queue: string;
}

export function createQueuePair(model: SqsModel, { instance, queue }: Named, settings: QueueSettings) {
  const { type, retention, dlqRetention, visibility } = settings;
  const [main, dlq] = [queueName(instance, queue, type), dlqName(instance, queue, type)];
  const fifo: Record<string, string> = type === 'fifo' ? { FifoQueue: 'true' } : {};
  model.createQueue({ QueueName: dlq, Attributes: { ...fifo, MessageRetentionPeriod: String(dlqRetention) } });
  model.createQueue({
    QueueName: main,
    Attributes: {
      ...fifo,
      VisibilityTimeout: String(visibility),
      MessageRetentionPeriod: String(retention),
      RedrivePolicy: redrivePolicy({ instance, queue }, settings),
    },
  });
  return { main, dlq, arn: queueArn(main) };
}

export const redrivePolicy = ({ instance, queue }: Named, { type, receives }: Redriven): string =>
  JSON.stringify({ deadLetterTargetArn: queueArn(dlqName(instance, queue, type)), maxReceiveCount: receives });
