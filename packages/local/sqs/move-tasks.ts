import type * as sdk from '@aws-sdk/client-sqs';
import { move } from './messages';
import {
  findQueue,
  invalidValue,
  type MoveTask,
  receivable,
  refused,
  type Service,
  SqsError,
  sourcesOf,
} from './queue';

const missing = (what: string): SqsError => new SqsError('ResourceNotFoundException', what);
const NO_QUEUE = "The resource that you specified for the ARN doesn't exist.";

/** Starts to move the visible messages of a DLQ to their sources, or to a given queue. Without a rate it ends at once. */
export function startMoveTask(service: Service, input: sdk.StartMessageMoveTaskRequest) {
  const { MaxNumberOfMessagesPerSecond: rate } = input;
  const [from, to] = [input.SourceArn, input.DestinationArn].map((arn) => findQueue(service, arn));
  if (!from || (input.DestinationArn !== undefined && !to)) throw missing(NO_QUEUE);
  const sources = sourcesOf(service, from);
  if (sources.length === 0) throw refused('Source queue must be configured as a Dead Letter Queue.');
  if (to && (to === from || to.fifo !== from.fifo))
    throw invalidValue('DestinationArn', to.arn, 'Must be another queue of the same type as the source.');
  if (service.tasks.some((task) => task.SourceArn === from.arn && isRunning(task)))
    throw refused('There is already a task running. Only one active task is allowed for a source queue arn.');
  if (rate !== undefined && (rate < 1 || rate > 500))
    throw invalidValue('MaxNumberOfMessagesPerSecond', rate, 'Must be between 1 and 500, if provided.');
  const TaskHandle = service.uuid();
  service.tasks.push({
    ...input,
    TaskHandle,
    Status: 'RUNNING',
    ApproximateNumberOfMessagesMoved: 0,
    ApproximateNumberOfMessagesToMove: [...receivable(service, from)].length,
    StartedTimestamp: service.now(),
  });
  advanceTasks(service);
  // Who polls a destination asks again when its next message comes.
  for (const destination of to ? [to] : sources) service.changed.add(destination);
  return { TaskHandle };
}

/** Moves the messages for which the running tasks have had time. */
export function advanceTasks(service: Service): void {
  for (const task of service.tasks)
    while (isRunning(task) && nextMoveAt(task) <= service.now()) moveNext(service, task);
}

const isRunning = ({ Status }: MoveTask): boolean => Status === 'RUNNING';

const nextMoveAt = ({ MaxNumberOfMessagesPerSecond: rate = Infinity, ...task }: MoveTask): number =>
  task.StartedTimestamp + Math.ceil(((task.ApproximateNumberOfMessagesMoved + 1) * 1000) / rate);

/** The earliest time at which a running task moves a message. */
export const nextMoveOf = ({ tasks }: Service): number =>
  Math.min(...tasks.map((task) => (isRunning(task) ? nextMoveAt(task) : Infinity)));

/** As on AWS, a task fails at a message whose source it cannot determine, because a client sent it to the DLQ. */
function moveNext(service: Service, task: MoveTask): void {
  const from = findQueue(service, task.SourceArn);
  const message = from && receivable(service, from).next().value;
  const to = findQueue(service, task.DestinationArn ?? message?.deadLetterSourceArn);
  if (!message) task.Status = 'COMPLETED';
  else if (!to) Object.assign(task, { Status: 'FAILED', FailureReason: 'CouldNotDetermineMessageSource' });
  else {
    move(service, { message, from, to }, { messageId: service.uuid() });
    task.ApproximateNumberOfMessagesMoved += 1;
  }
}

/** The newest tasks of a DLQ. Only a running one has a handle. */
export function listMoveTasks(service: Service, { SourceArn, MaxResults: most = 1 }: sdk.ListMessageMoveTasksRequest) {
  if (!findQueue(service, SourceArn)) throw missing(NO_QUEUE);
  if (most < 1 || most > 10) throw invalidValue('MaxResults', most, 'Must be between 1 and 10, if provided.');
  const newest = service.tasks.filter((task) => task.SourceArn === SourceArn).toReversed();
  return {
    Results: newest.slice(0, most).map((task) => (isRunning(task) ? task : { ...task, TaskHandle: undefined })),
  };
}

export function cancelMoveTask(service: Service, { TaskHandle }: sdk.CancelMessageMoveTaskRequest): object {
  const task = service.tasks.find((each) => each.TaskHandle === TaskHandle && isRunning(each));
  if (!task) throw missing('Task does not exist.');
  task.Status = 'CANCELLED';
  return { ApproximateNumberOfMessagesMoved: task.ApproximateNumberOfMessagesMoved };
}
