import { createServer } from 'node:http';
import type { ReceiveMessageRequest, ReceiveMessageResult } from '@aws-sdk/client-sqs';
import { answering, reply } from '../fakes/server';
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

const LONGEST_WAIT_SECONDS = 20;

/** Serves a model over AWS's JSON protocol for SQS. `timers` end long polls and must use the clock of the model. */
export async function startSqs(model: SqsModel, port = 0, timers = realTimers): Promise<Emulator> {
  const listener = answering(async ({ headers }, body, response) => {
    const hangUp = new AbortController();
    response.on('close', () => hangUp.abort());
    const [, name = ''] = String(headers['x-amz-target']).split('AmazonSQS.');
    const action = `${name.charAt(0).toLowerCase()}${name.slice(1)}` as keyof SqsModel['actions'];
    try {
      if (!Object.hasOwn(model.actions, action)) throw new SqsError('UnknownOperationException', 'It is unknown.');
      // The clients check their input themselves.
      const input = JSON.parse(body || '{}') as never;
      const receives = action === 'receiveMessage';
      const result = receives ? await receiveOrWait(input, hangUp.signal) : (model.actions[action](input) ?? {});
      // A client may call the URLs that it gets.
      const here = (of: string): string => of.replace(/^https:\/\/[^/]+/, url);
      const shown = Object.entries(result).map(([name, value]) => {
        if (!/^queueUrls?$/i.test(name)) return [name, value];
        return [name, Array.isArray(value) ? value.map(here) : here(value)];
      });
      return reply(200, Object.fromEntries(shown));
    } catch (error) {
      if (!(error instanceof SqsError)) throw error;
      return reply(400, { __type: `com.amazonaws.sqs#${error.code}`, message: error.message });
    }
  });

  /** Receives, and waits for a message as long as the request says. An aborted wait takes no message. */
  async function receiveOrWait(input: ReceiveMessageRequest, signal: AbortSignal): Promise<ReceiveMessageResult> {
    const { QueueUrl = '', WaitTimeSeconds: seconds = 0 } = input;
    if (seconds < 0 || seconds > LONGEST_WAIT_SECONDS)
      throw invalidValue('WaitTimeSeconds', seconds, `Must be >= 0 and <= ${LONGEST_WAIT_SECONDS}, if provided.`);
    const deadline = timers.now() + seconds * 1000;
    let result = model.receiveMessage(input);
    while (!result.Messages && timers.now() < deadline && !signal.aborted) {
      await changeOf(QueueUrl, Math.min(deadline, model.nextChangeAt(QueueUrl) ?? Infinity), signal);
      if (!signal.aborted) result = model.receiveMessage(input);
    }
    return result;
  }

  function changeOf(queue: string, until: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
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
  }

  const server = createServer(listener);
  const url = await listen(server, port);
  return { url, close: () => close(server) };
}
