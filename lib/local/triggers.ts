import type { OnStop } from './cloud';
import { createEventSourceMapping, type MappingEvent, type Timers } from './event-source-mapping';
import type { Lambda } from './lambda/runtime';
import { startSchedule } from './schedule';
import type { SqsModel } from './sqs/types';
import type { Declared } from './template/declared';

/** What an event source mapping did, on which queue. */
export type OnEvent = (event: MappingEvent, queue: string) => void;

export const timers: Timers = {
  now: () => Date.now(),
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
};

/** Starts what calls the functions: the template's event source mappings and schedules. */
export function startTriggers(
  { declared, sqs, lambda, onEvent }: { declared: Declared; sqs: SqsModel; lambda: Lambda; onEvent?: OnEvent },
  onStop: OnStop,
): void {
  const timeouts = new Map(declared.functions.map(({ key, timeoutSeconds }) => [key, timeoutSeconds * 1000]));
  for (const { functionKey, ...mapping } of declared.mappings) {
    const poller = createEventSourceMapping({
      ...mapping,
      sqs,
      functionTimeoutMs: timeouts.get(functionKey) ?? 0,
      invoke: (event) => lambda.invoke(functionKey, event),
      timers,
      ...(onEvent && { onEvent: (event) => onEvent(event, mapping.queue) }),
    });
    poller.start();
    onStop(() => poller.stop());
  }
  for (const { functionKey, expression } of declared.schedules) {
    const schedule = startSchedule({ expression, run: () => lambda.invoke(functionKey, scheduledEvent()), timers });
    onStop(() => schedule.stop());
  }
}

/** What EventBridge sends; nothing of it but its time is read. */
export const scheduledEvent = (): object => ({
  version: '0',
  source: 'aws.events',
  'detail-type': 'Scheduled Event',
  time: new Date().toISOString(),
  detail: {},
});
