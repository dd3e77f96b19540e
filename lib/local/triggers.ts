import type { MappingEvent } from './batch-run';
import type { Cloud } from './cloud';
import { createEventSourceMapping, type EventSourceMapping } from './event-source-mapping';
import type { Lambda } from './lambda/runtime';
import { startSchedule } from './schedule';
import { realTimers as timers } from './timers';

/** Reports what the event source mapping of a queue did. */
export type OnEvent = (event: MappingEvent, queue: string) => void;

/** An event source mapping that can be switched off and on. */
export interface LocalMapping {
  queue: string;
  functionName: string;
  isOn(): boolean;
  set(on: boolean): void;
}

/** Starts the template's event source mappings and schedules, which invoke the functions. */
export function startTriggers(
  { declared, sqs }: Pick<Cloud, 'declared' | 'sqs'>,
  lambda: Lambda,
  onEvent: OnEvent,
): { mappings: LocalMapping[]; stop(): Promise<unknown> } {
  const timeouts = new Map(declared.functions.map(({ key, timeoutSeconds }) => [key, timeoutSeconds * 1000]));
  const names = new Map(declared.functions.map(({ key, name }) => [key, name]));
  const pollers = declared.mappings.map(({ functionKey, ...mapping }) =>
    createEventSourceMapping({
      ...mapping,
      sqs,
      functionTimeoutMs: timeouts.get(functionKey) ?? 0,
      invoke: (event) => lambda.invoke(functionKey, event),
      timers,
      onEvent: (event) => onEvent(event, mapping.queue),
    }),
  );
  const mappings = declared.mappings.map(({ queue, functionKey, enabled }, at) =>
    switched({ queue, functionName: names.get(functionKey) ?? functionKey, enabled }, pollers[at]),
  );
  const schedules = declared.schedules.map(({ functionKey, expression }) =>
    startSchedule({ expression, run: () => lambda.invoke(functionKey, scheduledEvent()), timers }),
  );
  return { mappings, stop: () => Promise.all([...pollers, ...schedules].map((trigger) => trigger.stop())) };
}

function switched(
  { enabled, ...of }: { queue: string; functionName: string; enabled: boolean },
  poller: EventSourceMapping | undefined,
): LocalMapping {
  let on = false;
  const mapping = {
    ...of,
    isOn: () => on,
    set: (next: boolean) => {
      on = next;
      if (on) poller?.start();
      else void poller?.stop();
    },
  };
  mapping.set(enabled);
  return mapping;
}

/** An event of EventBridge. The functions read only its time. */
export const scheduledEvent = (): object => ({
  version: '0',
  source: 'aws.events',
  'detail-type': 'Scheduled Event',
  time: new Date().toISOString(),
  detail: {},
});
