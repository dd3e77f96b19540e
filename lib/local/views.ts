import { jobKey, recordKey } from '../jobs/keys';
import { recordOf } from '../jobs/record';
import type { JobRow } from '../jobs/row';
import { rowOf } from '../jobs/stored-row';
import type { Cloud } from './cloud';
import type { LocalPorts } from './ports';
import type { SqsModel } from './sqs/types';
import type { Declared } from './template/declared';

/** A job as its record shows it, with times in ISO 8601. */
export interface JobView
  extends Pick<JobRow, 'queue' | 'id' | 'state' | 'reason' | 'attempts' | 'holds' | 'steps' | 'error' | 'result'> {
  createdAt: string;
  endedAt?: string;
  /** Set once the record is written. */
  recordKey?: string;
}

/** A DLQ entry, without its body, which may hold personal data. */
export interface DeadLetter {
  queue: string;
  messageId: string;
  group: string | undefined;
  receiveCount: number;
  /** The `reason`, `code`, `message` and others that a worker wrote. Empty if SQS moved the message. */
  attributes: Record<string, string>;
}

/** What a user can look at from outside. */
export interface Views {
  jobs(): Promise<JobView[]>;
  job(id: string): Promise<JobView | undefined>;
  deadLetters(): DeadLetter[];
}

/** Shows each job as its record does, with the key of the record. */
export function createViews({ ports, sqs, declared, config }: { ports: LocalPorts } & Omit<Cloud, 'endpoints'>): Views {
  const view = (row: JobRow): JobView => {
    const { record: _record, ...shown } = JSON.parse(recordOf(row)) as JobView & { record: number };
    return row.recordedAt === undefined ? shown : { ...shown, recordKey: recordKey(config.PREFIX, row) };
  };
  return {
    jobs: async () => (await ports.rows()).map(view),
    async job(id) {
      const items = await Promise.all(Object.keys(config.QUEUES).map((queue) => ports.table.get(jobKey(queue, id))));
      const found = items.find((item) => item !== undefined);
      return found && view(rowOf(found));
    },
    deadLetters: () => deadLetterQueues(declared).flatMap((queue) => deadLetters(sqs, queue)),
  };
}

/** The queues that a redrive policy names as target. */
function deadLetterQueues({ queues }: Declared): string[] {
  const arns = queues.flatMap(({ attributes: { RedrivePolicy } }) =>
    RedrivePolicy ? [(JSON.parse(RedrivePolicy) as { deadLetterTargetArn: string }).deadLetterTargetArn] : [],
  );
  return queues.filter(({ arn }) => arns.includes(arn)).map(({ name }) => name);
}

const deadLetters = (sqs: SqsModel, queue: string): DeadLetter[] =>
  sqs.messages(queue).map(({ messageId, groupId, receiveCount, attributes }) => ({
    queue,
    messageId,
    group: groupId,
    receiveCount,
    attributes: Object.fromEntries(
      Object.entries(attributes).map(([name, { StringValue }]) => [name, StringValue ?? '']),
    ),
  }));
