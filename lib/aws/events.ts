import type { Events } from '../ports';
import type { PutEvent } from './put-events';
import { guarded } from './store-error';

/** The event's `detail-type`. Consumers' rules name it, so it never changes. */
export const JOB_ENDED = 'Job Ended';

/** The `source` of an instance's events. */
export const eventSource = (instance: string): string => `jobs.${instance}`;

/** EventBridge through the AWS SDK. `bus` is a bus's name or ARN. `load` makes the client, at the first event. */
export function realEvents({ bus, source, load }: { bus: string; source: string; load: () => PutEvent }): Events {
  let put: PutEvent | undefined;
  return {
    publish: (completion) =>
      guarded({
        service: 'EventBridge',
        operation: 'PutEvents',
        call: async () => {
          put ??= load();
          const { FailedEntryCount = 0, Entries = [] } = await put({
            EventBusName: bus,
            Source: source,
            DetailType: JOB_ENDED,
            Time: new Date(completion.endedAt),
            Detail: JSON.stringify(completion),
          });
          if (FailedEntryCount > 0)
            throw Object.assign(new Error('refused'), { code: Entries[0]?.ErrorCode ?? 'Failed' });
        },
      }),
  };
}
