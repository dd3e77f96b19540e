import type { ReceiveMessageRequest, ReceiveMessageResult } from '@aws-sdk/client-sqs';
import type { Timers } from '../timers';
import { invalidValue } from './errors';
import type { SqsModel } from './types';

const LONGEST_WAIT_SECONDS = 20;

/** Receives, and waits for a message as long as the request or the queue says. An aborted wait takes no message. */
export async function receiveOrWait(
  input: ReceiveMessageRequest,
  { model, timers, signal }: { model: SqsModel; timers: Timers; signal: AbortSignal },
): Promise<ReceiveMessageResult> {
  const seconds = input.WaitTimeSeconds ?? queueWaitSeconds(model, input.QueueUrl);
  if (seconds < 0 || seconds > LONGEST_WAIT_SECONDS)
    throw invalidValue('WaitTimeSeconds', seconds, `Must be >= 0 and <= ${LONGEST_WAIT_SECONDS}, if provided.`);
  const deadline = timers.now() + seconds * 1000;
  let result = model.receiveMessage(input);
  while (!result.Messages && timers.now() < deadline && !signal.aborted) {
    const until = Math.min(deadline, model.nextChangeAt(input.QueueUrl ?? '') ?? Infinity);
    await changeOf(input.QueueUrl ?? '', { model, timers, signal, until });
    if (!signal.aborted) result = model.receiveMessage(input);
  }
  return result;
}

const queueWaitSeconds = (model: SqsModel, queueUrl: string | undefined): number =>
  Number(
    model.getQueueAttributes({ QueueUrl: queueUrl, AttributeNames: ['ReceiveMessageWaitTimeSeconds'] }).Attributes
      ?.ReceiveMessageWaitTimeSeconds,
  );

interface Wait {
  model: SqsModel;
  timers: Timers;
  signal: AbortSignal;
  until: number;
}

/** Resolves when the queue changes, at `until`, or on abort. */
const changeOf = (queue: string, { model, timers, signal, until }: Wait): Promise<void> =>
  new Promise((resolve) => {
    const end = () => {
      stop();
      timers.clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const stop = model.onChange(queue, end);
    const timer = timers.setTimeout(end, until - timers.now());
    signal.addEventListener('abort', end);
  });
