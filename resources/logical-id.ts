export type QueuePart = 'Queue' | 'QueuePolicy' | 'Dlq' | 'DlqPolicy';

/**
 * Logical id of a queue's resource, e.g. `FeedbackDlq`. A stored contract: under another id CloudFormation would
 * replace a live queue, with what is in it.
 */
export const logicalId = (queue: string, part: QueuePart): string => `${pascal(queue)}${part}`;

const pascal = (name: string): string =>
  name.replace(/(^|-)(.)/g, (_match, _hyphen, letter: string) => letter.toUpperCase());

/** Logical id of the jobs table; as stored as the others. */
export const JOBS_TABLE_ID = 'JobsTable';

/** Logical ids of what alarms go through, and of the dashboard. */
export const TOPIC_ID = 'AlarmTopic';
export const UNDELIVERED_TOPIC_ID = 'UndeliveredAlarmTopic';
export const UNDELIVERED_QUEUE_ID = 'UndeliveredAlarms';
export const DASHBOARD_ID = 'Dashboard';

/** Logical id of an alarm, e.g. `FeedbackDlqDepthAlarm`. */
export const alarmId = (kind: string, subject: string): string => `${pascal(subject)}${pascal(kind)}Alarm`;
