import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { ReceiveMessageRequest, ReceiveMessageResult } from '@aws-sdk/client-sqs';
import { close, type Emulator, listen } from '../loopback';
import type { SqsModel } from './model';
import { invalidValue, SqsError } from './queue';

/** Time and waiting. Tests and the simulator bring a clock of their own. */
export interface Timers {
  now(): number;
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(handle: unknown): void;
}

export const realTimers: Timers = {
  now: Date.now,
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
};

/** Serves a model over AWS's JSON protocol for SQS. `timers` end long polls and must use the clock of the model. */
export async function startSqs({
  port = 0,
  model,
  timers = realTimers,
}: {
  port?: number;
  model: SqsModel;
  timers?: Timers;
}): Promise<Emulator> {
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) =>
      error instanceof SqsError
        ? reply(response, 400, problem(error.code, error.message))
        : reply(response, 500, problem('InternalError', 'The SQS model failed.')),
    );
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const hangUp = new AbortController();
    response.on('close', () => hangUp.abort());
    const [, name = ''] = String(request.headers['x-amz-target']).split('AmazonSQS.');
    const action = `${name.charAt(0).toLowerCase()}${name.slice(1)}` as keyof SqsModel['actions'];
    if (!Object.hasOwn(model.actions, action))
      return reply(response, 400, problem('UnknownOperationException', 'This action is unknown.'));
    // The clients check their input themselves.
    const input = JSON.parse((await text(request)) || '{}') as never;
    const receives = action === 'receiveMessage';
    const result = receives
      ? await receiveOrWait(input, { model, timers, signal: hangUp.signal })
      : (model.actions[action](input) ?? {});
    // A client may call the URL that it gets.
    const { QueueUrl } = result as { QueueUrl?: string };
    reply(response, 200, QueueUrl ? { QueueUrl: QueueUrl.replace(/^https:\/\/[^/]+/, url) } : result);
  }

  const url = await listen(server, port);
  return { url, close: () => close(server) };
}

interface Poll {
  model: SqsModel;
  timers: Timers;
  signal: AbortSignal;
}

const LONGEST_WAIT_SECONDS = 20;

/** Receives, and waits for a message as long as the request says. An aborted wait takes no message. */
async function receiveOrWait(input: ReceiveMessageRequest, poll: Poll): Promise<ReceiveMessageResult> {
  const { model, timers, signal } = poll;
  const { QueueUrl = '', WaitTimeSeconds: seconds = 0 } = input;
  if (seconds < 0 || seconds > LONGEST_WAIT_SECONDS)
    throw invalidValue('WaitTimeSeconds', seconds, `Must be >= 0 and <= ${LONGEST_WAIT_SECONDS}, if provided.`);
  const deadline = timers.now() + seconds * 1000;
  let result = model.receiveMessage(input);
  while (!result.Messages && timers.now() < deadline && !signal.aborted) {
    await changeOf(QueueUrl, Math.min(deadline, model.nextChangeAt(QueueUrl) ?? Infinity), poll);
    if (!signal.aborted) result = model.receiveMessage(input);
  }
  return result;
}

/** Resolves when the queue changes, at `until`, or on abort. */
const changeOf = (queue: string, until: number, { model, timers, signal }: Poll): Promise<void> =>
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

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-requestid': randomUUID() });
  response.end(JSON.stringify(body));
}

const problem = (code: string, message: string): object => ({ __type: `com.amazonaws.sqs#${code}`, message });
