import { createTopics, subscribers } from '../../../../lib/local/alarms/topics';
import type { InvokeResult } from '../../../../lib/local/lambda/environment';
import { alarmChange } from '../../../support/alarms';
import { controlledClock } from '../../../support/controlled-clock';

const MINUTE = 60_000;
const publication = { topic: 'topic', subject: 'ALARM', message: alarmChange() };
const failed: InvokeResult = { kind: 'failed', reason: 'error' };
const answer: InvokeResult = { kind: 'answer', value: null };
const subscriber = { topic: 'topic', functionArn: 'function', retries: 2, onFailure: 'queue' };

/** A topic whose function returns these results in turn. */
function topic(results: InvokeResult[]) {
  const clock = controlledClock();
  const calls: { event: object; at: number }[] = [];
  const kept: string[] = [];
  const begun = clock.now();
  const topics = createTopics({
    subscribers: [subscriber],
    invoke: async (_arn, event) => {
      calls.push({ event, at: clock.now() - begun });
      return results.shift() ?? answer;
    },
    keep: (_queue, body) => void kept.push(body),
    timers: clock,
    minuteMs: MINUTE,
  });
  return { clock, calls, kept, topics };
}

test('a publication reaches only the subscribers of its topic, as one SNS event', async () => {
  const { topics, calls, kept } = topic([]);

  topics.publish(publication);
  topics.publish({ ...publication, topic: 'another' });
  await new Promise(setImmediate);
  await topics.stop();

  expect(calls).toHaveLength(1);
  expect(calls[0]?.event).toMatchObject({
    Records: [{ Sns: { Subject: 'ALARM', Message: JSON.stringify(publication.message) } }],
  });
  expect(kept).toEqual([]);
});

test('a failed call is retried after one minute and after two more, and then its event is stored', async () => {
  const { topics, clock, calls, kept } = topic([failed, failed, failed]);

  topics.publish(publication);
  await clock.armed();
  clock.advance(MINUTE);
  await clock.armed();
  clock.advance(2 * MINUTE);
  await new Promise(setImmediate);

  expect(calls.map(({ at }) => at)).toEqual([0, MINUTE, 3 * MINUTE]);
  expect(kept.map((body) => JSON.parse(body))).toEqual([
    { requestContext: { condition: 'RetriesExhausted' }, requestPayload: calls[0]?.event },
  ]);
  await topics.stop();
});

test('a function gets one event at a time, and after a stop it gets no waiting event', async () => {
  const answers: ((result: InvokeResult) => void)[] = [];
  const topics = createTopics({
    subscribers: [subscriber],
    invoke: () => new Promise((resolve) => void answers.push(resolve)),
    keep: () => {},
    timers: controlledClock(),
    minuteMs: MINUTE,
  });

  for (let count = 0; count < 3; count++) topics.publish(publication);
  await new Promise(setImmediate);
  const atOnce = answers.length;
  answers[0]?.(failed);
  await new Promise(setImmediate);
  const afterTheFirst = answers.length;
  const stopping = topics.stop();
  answers[1]?.(answer);
  await stopping;

  expect([atOnce, afterTheFirst, answers.length]).toEqual([1, 2, 2]);
});

test('a stop does not wait for a retry', async () => {
  const { topics, clock, calls } = topic([failed]);

  topics.publish(publication);
  await clock.armed();
  await topics.stop();

  expect(calls).toHaveLength(1);
});

test('the subscribers come from the template, with their retries and failure queue', () => {
  const found = subscribers(
    {
      Config: {
        Type: 'AWS::Lambda::EventInvokeConfig',
        Properties: {
          FunctionName: 'alarms',
          MaximumRetryAttempts: 1,
          DestinationConfig: { OnFailure: { Destination: 'arn:queue' } },
        },
      },
      Function: {
        Type: 'AWS::SNS::Subscription',
        Properties: { TopicArn: 'arn:topic', Protocol: 'lambda', Endpoint: 'arn:function:alarms' },
      },
      Person: {
        Type: 'AWS::SNS::Subscription',
        Properties: { TopicArn: 'arn:topic', Protocol: 'email', Endpoint: 'ops@example.com' },
      },
    },
    (value) => value,
  );

  expect(found).toEqual([
    { topic: 'arn:topic', functionArn: 'arn:function:alarms', retries: 1, onFailure: 'arn:queue' },
  ]);
});
