import type { MappingEvent } from './batch-run';
import type { Cloud } from './cloud';
import { createEventSourceMapping } from './event-source-mapping';
import type { Lambda } from './lambda/runtime';
import { startSchedule } from './schedule';
import { realTimers as timers } from './timers';

/** Reports what the event source mapping of a queue did. */
export type OnEvent = (event: MappingEvent, queue: string) => void;

/** Starts the template's event source mappings and schedules, which invoke the functions. */
export function startTriggers(
  { declared, sqs }: Pick<Cloud, 'declared' | 'sqs'>,
  lambda: Lambda,
  onEvent: OnEvent,
): { stop(): Promise<unknown> } {
  const timeouts = new Map(declared.functions.map(({ key, timeoutSeconds }) => [key, timeoutSeconds * 1000]));
  const mappings = declared.mappings.map(({ functionKey, ...mapping }) =>
    createEventSourceMapping({
      ...mapping,
      sqs,
      functionTimeoutMs: timeouts.get(functionKey) ?? 0,
      invoke: (event) => lambda.invoke(functionKey, event),
      timers,
      onEvent: (event) => onEvent(event, mapping.queue),
    }),
  );
  for (const mapping of mappings) mapping.start();
  const schedules = declared.schedules.map(({ functionKey, expression }) =>
    startSchedule({ expression, run: () => lambda.invoke(functionKey, scheduledEvent()), timers }),
  );
  return { stop: () => Promise.all([...mappings, ...schedules].map((trigger) => trigger.stop())) };
}

/** An event of EventBridge. The functions read only its time. */
export const scheduledEvent = (): object => ({
  version: '0',
  source: 'aws.events',
  'detail-type': 'Scheduled Event',
  time: new Date().toISOString(),
  detail: {},
});
