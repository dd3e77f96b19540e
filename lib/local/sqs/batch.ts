import type { BatchResultErrorEntry, SendMessageBatchRequestEntry } from '@aws-sdk/client-sqs';
import { SqsError } from './errors';
import { sizeOf } from './message';
import type { Queue } from './queue';
import { deduplicationIdOf } from './send';

const ENTRY_LIMIT = 10;
const REQUEST_LIMIT_BYTES = 1_048_576;

/** Throws if SQS refuses the whole request. */
function checkEntries(entries: { Id: string | undefined }[]): void {
  if (entries.length === 0)
    throw new SqsError('EmptyBatchRequest', 'There should be at least one entry in the request.');
  if (entries.length > ENTRY_LIMIT)
    throw new SqsError(
      'TooManyEntriesInBatchRequest',
      `Maximum number of entries per request are ${ENTRY_LIMIT}. You have sent ${entries.length}.`,
    );
  const ids = entries.map(({ Id = '' }) => Id);
  if (!ids.every((id) => /^[A-Za-z0-9_-]{1,80}$/.test(id)))
    throw new SqsError(
      'InvalidBatchEntryId',
      'A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.',
    );
  const repeated = ids.find((id, index) => ids.indexOf(id) !== index);
  if (repeated !== undefined) throw new SqsError('BatchEntryIdsNotDistinct', `Id ${repeated} repeated.`);
}

/** Checks a SendMessageBatch as a whole. A FIFO queue refuses all of it if one entry lacks a group or an id. */
export function checkSendEntries(queue: Queue, entries: SendMessageBatchRequestEntry[]): void {
  checkEntries(entries);
  const bytes = entries.reduce((sum, entry) => sum + sizeOf(entry.MessageBody ?? '', entry.MessageAttributes), 0);
  if (bytes > REQUEST_LIMIT_BYTES)
    throw new SqsError(
      'BatchRequestTooLong',
      `Batch requests cannot be longer than ${REQUEST_LIMIT_BYTES} bytes. You have sent ${bytes} bytes.`,
    );
  if (!queue.fifo) return;
  if (entries.some(({ MessageGroupId }) => MessageGroupId === undefined))
    throw new SqsError('InvalidParameterValue', 'The request must contain the parameter MessageGroupId.');
  for (const { MessageDeduplicationId, MessageBody } of entries)
    deduplicationIdOf(queue, MessageDeduplicationId, MessageBody ?? '');
}

/** Runs the entries one by one. A refused entry does not stop the others. */
export function runBatch<E extends { Id: string | undefined }, R extends object>(
  entries: E[],
  run: (entry: E) => R,
): { Successful: (R & { Id: string })[]; Failed: BatchResultErrorEntry[] | undefined } {
  checkEntries(entries);
  const Successful: (R & { Id: string })[] = [];
  const Failed: BatchResultErrorEntry[] = [];
  for (const entry of entries) {
    const Id = entry.Id ?? '';
    try {
      Successful.push({ ...run(entry), Id });
    } catch (error) {
      if (!(error instanceof SqsError)) throw error;
      Failed.push({ Id, SenderFault: true, Code: error.queryCode, Message: error.message });
    }
  }
  // AWS leaves out an empty list.
  return { Successful, Failed: Failed.length > 0 ? Failed : undefined };
}
