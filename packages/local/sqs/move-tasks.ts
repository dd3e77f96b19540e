import type * as sdk from '@aws-sdk/client-sqs';
import { move } from './messages';
import { findQueue, invalidValue, type MoveTask, receivable, type Service, SqsError, sourcesOf } from './queue';

const missing = (what: string): SqsError => new SqsError('ResourceNotFoundException', what);
const NO_QUEUE = "The resource that you specified for the ARN doesn't exist.";
const refused = (message: string): SqsError => new SqsError('InvalidParameterValue', message);

/** Starts to move the visible messages of a DLQ to their sources, or to a given queue. Without a rate it ends at once. */
export function startMoveTask(service: Service, input: sdk.StartMessageMoveTaskRequest): { TaskHandle: string } {
  const { MaxNumberOfMessagesPerSecond: rate } = input;
  const [from, to] = [input.SourceArn, input.DestinationArn].map((arn) => findQueue(service, arn));
  if (!from || (input.DestinationArn !== undefined && !to)) throw missing(NO_QUEUE);
  const sources = sourcesOf(service, from);
  if (sources.length === 0) throw refused('Source queue must be configured as a Dead Letter Queue.');
  if (to && (to === from || to.fifo !== from.fifo))
    throw invalidValue('DestinationArn', to.arn, 'Must be another queue of the same type as the source.');
  if (service.tasks.some((task) => task.from === from.arn && task.status === 'RUNNING'))
    throw refused('There is already a task running. Only one active task is allowed for a source queue arn.');
  if (rate !== undefined && (rate < 1 || rate > 500))
    throw invalidValue('MaxNumberOfMessagesPerSecond', rate, 'Must be between 1 and 500, if provided.');
  const toMove = [...receivable(service, from)].length;
  const own = { handle: service.uuid(), from: from.arn, to: to?.arn, rate };
  service.tasks.push({ ...own, startedAt: service.now(), toMove, moved: 0, status: 'RUNNING', failure: undefined });
  advanceTasks(service);
  // Who polls a destination asks again when its next message comes.
  for (const destination of to ? [to] : sources) service.changed.add(destination);
  return { TaskHandle: own.handle };
}

/** Moves the messages for which the running tasks have had time. */
export function advanceTasks(service: Service): void {
  for (const task of service.tasks)
    while (task.status === 'RUNNING' && nextMoveAt(task) <= service.now()) moveNext(service, task);
}

const nextMoveAt = ({ startedAt, moved, rate }: MoveTask): number =>
  startedAt + (rate === undefined ? 0 : Math.ceil(((moved + 1) * 1000) / rate));

/** The earliest time at which a running task moves a message. */
export const nextMoveOf = ({ tasks }: Service): number =>
  Math.min(...tasks.map((task) => (task.status === 'RUNNING' ? nextMoveAt(task) : Infinity)));

/** As on AWS, a task fails at a message whose source it cannot determine, because a client sent it to the DLQ. */
function moveNext(service: Service, task: MoveTask): void {
  const from = findQueue(service, task.from);
  const message = from && receivable(service, from).next().value;
  const to = findQueue(service, task.to ?? message?.deadLetterSourceArn);
  if (!message) task.status = 'COMPLETED';
  else if (!to) Object.assign(task, { status: 'FAILED', failure: 'CouldNotDetermineMessageSource' });
  else {
    move(service, { message, from, to }, { messageId: service.uuid() });
    task.moved += 1;
  }
}

/** The newest tasks of a DLQ. Only a running one has a handle. */
export function listMoveTasks(
  service: Service,
  input: sdk.ListMessageMoveTasksRequest,
): sdk.ListMessageMoveTasksResult {
  const { SourceArn, MaxResults: most = 1 } = input;
  if (!findQueue(service, SourceArn)) throw missing(NO_QUEUE);
  if (most < 1 || most > 10) throw invalidValue('MaxResults', most, 'Must be between 1 and 10, if provided.');
  const newest = service.tasks.filter(({ from }) => from === SourceArn).toReversed();
  const Results = newest.slice(0, most).map((task) => ({
    TaskHandle: task.status === 'RUNNING' ? task.handle : undefined,
    Status: task.status,
    SourceArn: task.from,
    DestinationArn: task.to,
    MaxNumberOfMessagesPerSecond: task.rate,
    ApproximateNumberOfMessagesMoved: task.moved,
    ApproximateNumberOfMessagesToMove: task.toMove,
    FailureReason: task.failure,
    StartedTimestamp: task.startedAt,
  }));
  return { Results };
}

export function cancelMoveTask(service: Service, { TaskHandle }: sdk.CancelMessageMoveTaskRequest): object {
  const task = service.tasks.find(({ handle, status }) => handle === TaskHandle && status === 'RUNNING');
  if (!task) throw missing('Task does not exist.');
  task.status = 'CANCELLED';
  return { ApproximateNumberOfMessagesMoved: task.moved };
}
