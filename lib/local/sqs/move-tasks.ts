import type {
  ListMessageMoveTasksRequest,
  ListMessageMoveTasksResultEntry,
  StartMessageMoveTaskRequest,
} from '@aws-sdk/client-sqs';
import { rememberMoved } from './dead-letter';
import { invalidValue, SqsError } from './errors';
import { counts, type Message, type Queue, remove } from './queue';
import { receivable } from './receive';
import { enqueue, findQueue, type MoveTask, type Service } from './service';

const notFound = (message: string): SqsError => new SqsError('ResourceNotFoundException', message);
const missingArn = (parameter: string): SqsError =>
  notFound(`The resource that you specified for the ${parameter} parameter doesn't exist.`);

export function startMoveTask(service: Service, input: StartMessageMoveTaskRequest): MoveTask {
  const source = findQueue(service, input.SourceArn);
  if (!source) throw missingArn('SourceArn');
  const destination = input.DestinationArn === undefined ? undefined : findQueue(service, input.DestinationArn);
  if (input.DestinationArn !== undefined && !destination) throw missingArn('DestinationArn');
  if (![...service.queues.values()].some(({ settings }) => settings.redrive?.targetArn === source.arn))
    throw new SqsError('InvalidParameterValue', 'Source queue must be configured as a Dead Letter Queue.');
  if (destination && (destination === source || destination.fifo !== source.fifo))
    throw invalidValue('DestinationArn', destination.arn, 'Must be another queue of the same type as the source.');
  if (service.tasks.some(({ sourceArn, status }) => sourceArn === source.arn && status === 'RUNNING'))
    throw new SqsError(
      'InvalidParameterValue',
      'There is already a task running. Only one active task is allowed for a source queue arn at a given time.',
    );
  const rate = input.MaxNumberOfMessagesPerSecond;
  if (rate !== undefined && (rate < 1 || rate > 500))
    throw invalidValue('MaxNumberOfMessagesPerSecond', rate, 'Must be between 1 and 500, if provided.');
  const task: MoveTask = {
    handle: service.uuid(),
    sourceArn: source.arn,
    destinationArn: destination?.arn,
    rate,
    startedAt: service.now(),
    toMove: counts(source, service.now()).visible,
    moved: 0,
    status: 'RUNNING',
    failure: undefined,
  };
  service.tasks.push(task);
  advanceTasks(service);
  return task;
}

/** The time at which the task moves its next message. */
const nextMoveAt = (task: MoveTask): number =>
  task.startedAt + (task.rate === undefined ? 0 : Math.ceil(((task.moved + 1) * 1000) / task.rate));

/** Moves the messages for which the running tasks have had time. */
export function advanceTasks(service: Service): void {
  for (const task of service.tasks)
    while (task.status === 'RUNNING' && nextMoveAt(task) <= service.now()) step(service, task);
}

function step(service: Service, task: MoveTask): void {
  const at = nextMoveAt(task);
  const source = findQueue(service, task.sourceArn);
  const message = source && receivable(source, at).next().value;
  if (!source || !message) {
    task.status = 'COMPLETED';
    return;
  }
  const destinationArn = task.destinationArn ?? message.deadLetterSourceArn;
  const destination = findQueue(service, destinationArn);
  if (destination) {
    move(service, { message, from: source, to: destination, at });
    task.moved += 1;
    if (receivable(source, at).next().done) task.status = 'COMPLETED';
  } else {
    // A client sent the message to the DLQ itself, so it has no source queue.
    task.status = 'FAILED';
    task.failure = destinationArn ? 'AWS.SimpleQueueService.NonExistentQueue' : 'CouldNotDetermineMessageSource';
  }
}

/** SQS makes a new message of it: a new id, a new time of sending, no receives. */
function move(service: Service, { message, from, to, at }: { message: Message; from: Queue; to: Queue; at: number }) {
  remove(from, message);
  const { position: _position, group: _group, ...content } = message;
  const moved = enqueue(service, to, {
    ...content,
    messageId: service.uuid(),
    sentAt: at,
    visibleAt: at,
    receivedAt: undefined,
    firstReceivedAt: undefined,
    receiveCount: 0,
    receivesHere: 0,
    receiptHandle: undefined,
    deadLetterSourceArn: undefined,
  });
  rememberMoved(to, moved, at);
  service.changed.add(from.name);
}

/** The earliest time at which a running task may add a message to the queue. */
export const nextArrivalAt = (service: Service, queue: Queue): number =>
  Math.min(
    ...service.tasks
      .filter(({ status, destinationArn }) => status === 'RUNNING' && (destinationArn ?? queue.arn) === queue.arn)
      .map(nextMoveAt),
  );

export function listMoveTasks(
  service: Service,
  { SourceArn, MaxResults = 1 }: ListMessageMoveTasksRequest,
): ListMessageMoveTasksResultEntry[] {
  if (!findQueue(service, SourceArn)) throw missingArn('SourceArn');
  if (MaxResults < 1 || MaxResults > 10)
    throw invalidValue('MaxResults', MaxResults, 'Must be between 1 and 10, if provided.');
  const ofSource = service.tasks.filter(({ sourceArn }) => sourceArn === SourceArn);
  return ofSource
    .reverse()
    .slice(0, MaxResults)
    .map((task) => ({
      ...(task.status === 'RUNNING' && { TaskHandle: task.handle }),
      Status: task.status,
      SourceArn: task.sourceArn,
      ...(task.destinationArn && { DestinationArn: task.destinationArn }),
      ...(task.rate !== undefined && { MaxNumberOfMessagesPerSecond: task.rate }),
      ApproximateNumberOfMessagesMoved: task.moved,
      ApproximateNumberOfMessagesToMove: task.toMove,
      ...(task.failure && { FailureReason: task.failure }),
      StartedTimestamp: task.startedAt,
    }));
}
