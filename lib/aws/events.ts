import type { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import type { Events } from '../ports';
import { clientDefaults } from './clients';
import { guarded } from './store-error';

/** The event's `detail-type`. Consumers' rules name it, so it never changes. */
export const JOB_ENDED = 'Job Ended';

/** The `source` of an instance's events. */
export const eventSource = (instance: string): string => `jobs.${instance}`;

/**
 * EventBridge through the AWS SDK. `bus` is a bus's name or ARN. The first event loads the client, so that functions
 * without a bus do not pay for it.
 */
export function realEvents({
  bus,
  source,
  load = loadClient,
}: {
  bus: string;
  source: string;
  load?: () => Promise<EventBridgeClient>;
}): Events {
  let loaded: Promise<EventBridgeClient> | undefined;
  return {
    publish: (completion) =>
      guarded({
        service: 'EventBridge',
        operation: 'PutEvents',
        call: async () => {
          loaded ??= load();
          const [{ PutEventsCommand }, client] = await Promise.all([import('@aws-sdk/client-eventbridge'), loaded]);
          const entry = {
            EventBusName: bus,
            Source: source,
            DetailType: JOB_ENDED,
            Time: new Date(completion.endedAt),
            Detail: JSON.stringify(completion),
          };
          const { FailedEntryCount = 0, Entries = [] } = await client.send(new PutEventsCommand({ Entries: [entry] }));
          if (FailedEntryCount > 0)
            throw Object.assign(new Error('refused'), { code: Entries[0]?.ErrorCode ?? 'Failed' });
        },
      }),
  };
}

async function loadClient(): Promise<EventBridgeClient> {
  const { EventBridgeClient } = await import('@aws-sdk/client-eventbridge');
  return new EventBridgeClient({ ...clientDefaults });
}
