import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { ReceiveMessageRequest, ReceiveMessageResult } from '@aws-sdk/client-sqs';
import * as z from 'zod';
import { close, listen } from '../loopback';
import { realTimers, type Timers } from '../timers';
import { invalidValue, SqsError } from './errors';
import { ACTIONS } from './protocol';
import type { SqsModel } from './types';

export interface SqsServer {
  /** `http://127.0.0.1:PORT`, for a client's `endpoint`. */
  url: string;
  /** Also ends the long polls. */
  close(): Promise<void>;
}

/** Serves a model over AWS's JSON protocol for SQS. `timers` end long polls and must use the clock of the model. */
export async function startSqs({
  port = 0,
  model,
  timers = realTimers,
}: {
  port?: number;
  model: SqsModel;
  timers?: Timers;
}): Promise<SqsServer> {
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => reply(response, problemOf(error)));
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const hangUp = new AbortController();
    response.on('close', () => hangUp.abort());
    const [, name = ''] = String(request.headers['x-amz-target']).split('AmazonSQS.');
    const action = ACTIONS[name];
    if (!action) return reply(response, problem('UnknownOperationException', 'This action is unknown.'));
    const body: unknown = JSON.parse((await text(request)) || '{}');
    const receive = (input: ReceiveMessageRequest) => receiveOrWait(input, { model, timers, signal: hangUp.signal });
    const result = await action({ model, receive, body });
    reply(response, { status: 200, body: json(result ?? {}, toLocal) });
  }

  const url = await listen(server, port);
  const toLocal = (queueUrl: string) => queueUrl.replace(/^https:\/\/[^/]+/, url);
  return { url, close: () => close(server) };
}

interface Poll {
  model: SqsModel;
  timers: Timers;
  signal: AbortSignal;
}

const LONGEST_WAIT_SECONDS = 20;

/** Receives, and waits for a message as long as the request or the queue says. An aborted wait takes no message. */
async function receiveOrWait(input: ReceiveMessageRequest, poll: Poll): Promise<ReceiveMessageResult> {
  const { model, timers, signal } = poll;
  const { QueueUrl = '' } = input;
  const ofQueue = model.getQueueAttributes({ QueueUrl, AttributeNames: ['ReceiveMessageWaitTimeSeconds'] });
  const seconds = input.WaitTimeSeconds ?? Number(ofQueue.Attributes?.ReceiveMessageWaitTimeSeconds);
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

interface Reply {
  status: number;
  body: string;
  /** The code of the older query protocol. The SDK prefers it. */
  queryCode?: string;
}

function reply(response: ServerResponse, { status, body, queryCode }: Reply): void {
  response.writeHead(status, {
    'content-type': 'application/x-amz-json-1.0',
    'x-amzn-requestid': randomUUID(),
    ...(queryCode && { 'x-amzn-query-error': `${queryCode};Sender` }),
  });
  response.end(body);
}

/** Writes blobs as base64, and queue URLs as URLs of this server. */
const json = (value: unknown, toLocal: (queueUrl: string) => string): string =>
  JSON.stringify(value, (key, member: unknown) => {
    if (member instanceof Uint8Array) return Buffer.from(member).toString('base64');
    return key === 'QueueUrl' && typeof member === 'string' ? toLocal(member) : member;
  });

/** Errors whose shape has another name than the code. */
const SHAPES: Record<string, string> = {
  InvalidParameterValue: 'InvalidParameterValueException',
  MissingParameter: 'MissingRequiredParameterException',
};

const problem = (code: string, message: string, queryCode?: string): Reply => ({
  status: code === 'ResourceNotFoundException' ? 404 : 400,
  body: JSON.stringify({ __type: `com.amazonaws.sqs#${SHAPES[code] ?? code}`, message }),
  ...(queryCode && { queryCode }),
});

function problemOf(error: unknown): Reply {
  if (error instanceof SqsError) return problem(error.code, error.message, error.queryCode);
  if (error instanceof SyntaxError) return problem('SerializationException', 'The body is not JSON.');
  if (error instanceof z.ZodError) {
    const members = error.issues.map(({ path }) => path.join('.')).join(', ');
    return problem('SerializationException', `Missing, or of the wrong type: ${members}`);
  }
  return { ...problem('InternalError', 'The SQS model failed.'), status: 500 };
}
