/** For example `FeedbackDlq`. Never change one: CloudFormation would replace the queue and delete its messages. */
export const logicalId = (queue: string, part: 'Queue' | 'Dlq'): string => `${pascal(queue)}${part}`;

const pascal = (name: string): string =>
  name.replace(/(^|-)(.)/g, (_match, _hyphen, letter: string) => letter.toUpperCase());

/** The log group that Serverless makes for a function. `key`: its key in serverless.yml, such as `emailEvents`. */
export const logGroupId = (key: string): string => `${pascal(key)}LogGroup`;

export const TOPIC_ID = 'AlarmTopic';
export const UNDELIVERED_TOPIC_ID = 'UndeliveredAlarmTopic';
export const UNDELIVERED_QUEUE_ID = 'UndeliveredAlarms';

/** Logical id of an alarm, for example `FeedbackDlqDepthAlarm`. */
export const alarmId = (kind: string, subject: string): string => `${pascal(subject)}${pascal(kind)}Alarm`;
