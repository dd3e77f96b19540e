import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { InvokeResult } from '../lambda/environment';
import type { Resolve, Resource } from '../template/intrinsics';
import type { Timers } from '../timers';
import type { Publication } from './watch';

/** A function that a topic calls, and what becomes of a call that fails. */
export interface Subscriber {
  topic: string;
  functionArn: string;
  /** Tries after the first. */
  retries: number;
  /** ARN of the queue that keeps what no try could hand over. */
  onFailure: string | undefined;
}

const subscription = z.object({ TopicArn: z.string(), Protocol: z.string(), Endpoint: z.string() });
const invokeConfig = z.object({
  FunctionName: z.string(),
  MaximumRetryAttempts: z.number().default(2),
  DestinationConfig: z.object({ OnFailure: z.object({ Destination: z.string() }).optional() }).default({}),
});

/** The functions that the template's topics call. */
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

/** An SNS event with one message, as Lambda hands it over. */
export const snsEvent = ({ topic, subject, message }: Publication): object => ({
  Records: [
    {
      EventSource: 'aws:sns',
      EventVersion: '1.0',
      Sns: {
        Type: 'Notification',
        MessageId: randomUUID(),
        TopicArn: topic,
        Subject: subject,
        Message: JSON.stringify(message),
        Timestamp: new Date().toISOString(),
      },
    },
  ],
});

export interface TopicsOptions {
  subscribers: Subscriber[];
  invoke: (functionArn: string, event: object) => Promise<InvokeResult>;
  /** Puts what was not handed over on the queue. */
  keep: (queueArn: string, body: string) => void;
  timers: Timers;
  minuteMs: number;
}

/**
 * Publishes to functions, asynchronously as SNS and Lambda do: again after one minute and two more, then kept. A
 * function is called for one event at a time: all alarms find their first state at once, and a process for each of them
 * would leave this machine nothing to work with.
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

  /** Undefined if it was stopped before its turn came. */
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
    publish(publication: Publication): void {
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
