const OF_QUERY_PROTOCOL = 'AWS.SimpleQueueService';

/** The codes whose name in the older query protocol is another one. The SDK prefers that name. */
const QUERY_CODES: Record<string, string> = {
  QueueDoesNotExist: `${OF_QUERY_PROTOCOL}.NonExistentQueue`,
  QueueNameExists: 'QueueAlreadyExists',
  EmptyBatchRequest: `${OF_QUERY_PROTOCOL}.EmptyBatchRequest`,
  TooManyEntriesInBatchRequest: `${OF_QUERY_PROTOCOL}.TooManyEntriesInBatchRequest`,
  BatchEntryIdsNotDistinct: `${OF_QUERY_PROTOCOL}.BatchEntryIdsNotDistinct`,
  InvalidBatchEntryId: `${OF_QUERY_PROTOCOL}.InvalidBatchEntryId`,
  BatchRequestTooLong: `${OF_QUERY_PROTOCOL}.BatchRequestTooLong`,
};

/** SQS refused the request. Nothing has changed. `code`: the SDK's name of the error. */
export class SqsError extends Error {
  override readonly name = 'SqsError';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }

  get queryCode(): string {
    return QUERY_CODES[this.code] ?? this.code;
  }
}

/** SQS uses this sentence for most bad parameters. */
export const invalidValue = (parameter: string, value: unknown, reason: string): SqsError =>
  new SqsError('InvalidParameterValue', `Value ${value} for parameter ${parameter} is invalid. Reason: ${reason}`);

export const missingParameter = (parameter: string): SqsError =>
  new SqsError('MissingParameter', `The request must contain the parameter ${parameter}.`);
