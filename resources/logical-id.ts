export type QueuePart = 'Queue' | 'QueuePolicy' | 'Dlq' | 'DlqPolicy';

/**
 * Logical id of a queue's resource, e.g. `FeedbackDlq`. A stored contract: under another id CloudFormation would
 * replace a live queue, with what is in it.
 */
export const logicalId = (queue: string, part: QueuePart): string =>
  `${queue.replace(/(^|-)(.)/g, (_match, _hyphen, letter: string) => letter.toUpperCase())}${part}`;

/** Logical id of the jobs table; as stored as the others. */
export const JOBS_TABLE_ID = 'JobsTable';
