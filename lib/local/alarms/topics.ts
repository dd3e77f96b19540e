import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import type { InvokeResult } from '../lambda/environment';
import type { Resolve, Resource } from '../template/intrinsics';
import type { Timers } from '../timers';
import type { Publication } from './watch';

/** A message for a topic: an alarm's change, or a text. */
export type Message = Publication | (Omit<Publication, 'message'> & { message: string });

/** A function that subscribes to a topic, and how a failed invocation is handled. */
export interface Subscriber {
  topic: string;
  functionArn: string;
  /** Tries after the first one. */
  retries: number;
  /** ARN of the queue for events that no try could deliver. */
  onFailure: string | undefined;
}

const subscription = z.object({ TopicArn: z.string(), Protocol: z.string(), Endpoint: z.string() });
const invokeConfig = z.object({
  FunctionName: z.string(),
  MaximumRetryAttempts: z.number().default(2),
  DestinationConfig: z.object({ OnFailure: z.object({ Destination: z.string() }).optional() }).default({}),
});

/** The functions that subscribe to the template's topics. */
export function subscribers(resources: Record<string, Resource>, resolve: Resolve): Subscriber[] {
  const ofType = (type: string) =>
    Object.values(resources)
      .filter(({ Type }) => Type === type)
      .map(({ Properties }) => resolve(Properties));
  const configs = ofType('AWS::Lambda::EventInvokeConfig').map((properties) => invokeConfig.parse(properties));
  return ofType('AWS::SNS::Subscription')
    .map((properties) => subscription.parse(properties))
    .filter(({ Protocol }) => Protocol === 'lambda')
    .map(({ TopicArn, Endpoint }) => {
      const config = configs.find(({ FunctionName }) => Endpoint.endsWith(`:${FunctionName}`));
      return {
        topic: TopicArn,
        functionArn: Endpoint,
        retries: config?.MaximumRetryAttempts ?? 2,
        onFailure: config?.DestinationConfig.OnFailure?.Destination,
      };
    });
}

/** The event with one message that SNS sends to Lambda. */
const snsEvent = ({ topic, subject, message }: Message): object => ({
  Records: [
    {
      EventSource: 'aws:sns',
      EventVersion: '1.0',
      Sns: {
        Type: 'Notification',
        MessageId: randomUUID(),
        TopicArn: topic,
        Subject: subject,
        Message: typeof message === 'string' ? message : JSON.stringify(message),
        Timestamp: new Date().toISOString(),
      },
    },
  ],
});

export interface TopicsOptions {
  subscribers: Subscriber[];
  invoke: (functionArn: string, event: object) => Promise<InvokeResult>;
  /** Stores an undelivered event in a queue. */
  keep: (queueArn: string, body: string) => void;
  timers: Timers;
  minuteMs: number;
}

/**
 * Publishes to functions asynchronously, as SNS and Lambda do. It retries after one minute and after two more, then
 * stores the event. A function gets one event at a time: all alarms find their first state at once, and a process for
 * each would overload this machine.
 */
export function createTopics({ subscribers, invoke, keep, timers, minuteMs }: TopicsOptions) {
  const turns = new Map<string, Promise<unknown>>();
  const waiting = new Map<unknown, () => void>();
  const running = new Set<Promise<void>>();
  let stopped = false;

  const wait = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const handle = timers.setTimeout(() => {
        waiting.delete(handle);
        resolve();
      }, ms);
      waiting.set(handle, resolve);
    });

  /** `undefined` if the topics were stopped before its turn. */
  function inTurn(functionArn: string, event: object): Promise<InvokeResult | undefined> {
    const result = (turns.get(functionArn) ?? Promise.resolve()).then(() =>
      stopped ? undefined : invoke(functionArn, event),
    );
    turns.set(
      functionArn,
      result.catch(() => {}),
    );
    return result;
  }

  async function deliver({ functionArn, retries, onFailure }: Subscriber, event: object): Promise<void> {
    for (let tried = 0; !stopped; tried++) {
      const result = await inTurn(functionArn, event);
      if (!result || result.kind === 'answer' || stopped) return;
      if (tried < retries) await wait((tried + 1) * minuteMs);
      else {
        const condition = { requestContext: { condition: 'RetriesExhausted' }, requestPayload: event };
        if (onFailure) keep(onFailure, JSON.stringify(condition));
        return;
      }
    }
  }

  return {
    publish(publication: Message): void {
      for (const subscriber of subscribers.filter(({ topic }) => topic === publication.topic)) {
        const delivery = deliver(subscriber, snsEvent(publication)).finally(() => running.delete(delivery));
        running.add(delivery);
      }
    },
    async stop(): Promise<void> {
      stopped = true;
      for (const [handle, resolve] of waiting) {
        timers.clearTimeout(handle);
        resolve();
      }
      await Promise.all(running);
    },
  };
}
