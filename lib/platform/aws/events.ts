import { EventBridgeClient, type EventBridgeClientConfig, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import type { Events } from '../ports';
import { clientDefaults, guarded } from './clients';

/** The event's `detail-type`. Consumers' rules name it, so it never changes. */
export const JOB_ENDED = 'Job Ended';

/** EventBridge through the AWS SDK. `bus` is a bus's name or ARN. The first event makes the client. */
export function realEvents(
  { bus, instance }: { bus: string; instance: string },
  config: EventBridgeClientConfig = clientDefaults,
): Events {
  let client: EventBridgeClient | undefined;
  return {
    publish: (completion) =>
      guarded('EventBridge')('PutEvents', async () => {
        client ??= new EventBridgeClient(config);
        const event = {
          EventBusName: bus,
          Source: `jobs.${instance}`,
          DetailType: JOB_ENDED,
          Time: new Date(completion.endedAt),
          Detail: JSON.stringify(completion),
        };
        const { FailedEntryCount = 0, Entries = [] } = await client.send(new PutEventsCommand({ Entries: [event] }));
        if (FailedEntryCount > 0)
          throw Object.assign(new Error('refused'), { code: Entries[0]?.ErrorCode ?? 'Failed' });
      }),
  };
}

export const realTopic =
  (client: SNSClient, TopicArn: string) =>
  ({ subject: Subject, text: Message }: { subject: string; text: string }): Promise<void> =>
    guarded('SNS')('Publish', async () => {
      await client.send(new PublishCommand({ TopicArn, Subject, Message }));
    });
