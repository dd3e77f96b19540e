import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { awsVariables, type Endpoints, vendorVariables } from './connection';
import { createMetrics } from './control-plane';
import { createEventSourceMapping, type MappingEvent } from './event-source-mapping';
import { createLambda, type Invocation } from './lambda/runtime';
import type { SqsModel } from './sqs/model';
import { realTimers as timers } from './sqs/server';
import type { Declared } from './template/declared';
import { type Packaged, unzip } from './template/package';

export interface Observers {
  onInvocation?: ((invocation: Invocation) => void) | undefined;
  onEvent?: ((event: MappingEvent, queue: string) => void) | undefined;
}

interface FunctionsOptions extends Observers {
  packaged: Packaged;
  declared: Declared;
  sqs: SqsModel;
  endpoints: Endpoints;
}

/** Starts the template's functions, and the event source mappings and schedules that invoke them. */
export function startFunctions({ packaged, declared, sqs, endpoints, onInvocation, onEvent }: FunctionsOptions) {
  const directory = mkdtempSync(join(tmpdir(), 'local-service-'));
  for (const { key } of declared.functions) unzip(join(packaged.directory, `${key}.zip`), join(directory, key));

  const metrics = createMetrics();
  const lambda = createLambda({
    functions: declared.functions,
    directory,
    variables: ({ key, environment, schedule }) => ({
      ...awsVariables(endpoints),
      // No emulator checks the key, so it can tell who calls.
      AWS_ACCESS_KEY_ID: key,
      ...vendorVariables(endpoints, environment),
      ...(key === 'reconciler' && schedule && { RECONCILE_EVERY: String(scheduleMs(schedule) / 1000) }),
    }),
    onInvocation: (invocation) => {
      metrics.take(invocation);
      onInvocation?.(invocation);
    },
  });
  const mappings = declared.mappings.map(({ worker, enabled, ...mapping }) => {
    const poller = createEventSourceMapping({
      ...mapping,
      sqs,
      invoke: (event) => lambda.invoke(worker.key, event),
      timers,
      onEvent: (event) => onEvent?.(event, mapping.queue),
    });
    if (enabled) poller.start();
    return { ...poller, queue: mapping.queue, functionName: worker.FunctionName };
  });
  const schedules = declared.functions.flatMap(({ key, schedule }) =>
    schedule ? [startSchedule(scheduleMs(schedule), () => lambda.invoke(key, scheduledEvent()))] : [],
  );
  return {
    ...{ lambda, mappings, metrics },
    async close(): Promise<void> {
      // Start no new runs, then kill those that are running instead of waiting for a slow one.
      const ended = Promise.all([...mappings, ...schedules].map(({ stop }) => stop()));
      await lambda.stop();
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** How long a minute of a schedule takes here, so that a user sees runs without a long wait. */
const SCHEDULE_MINUTE_MS = 2_000;
const MINUTES: Record<string, number> = { minute: 1, hour: 60, day: 1440 };

/** How often a function runs on this machine, ms. A `cron(…)` of the template is always daily. */
export function scheduleMs(expression: string): number {
  const [, count = '1', unit = 'day'] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression) ?? [];
  return Number(count) * (MINUTES[unit] ?? 0) * SCHEDULE_MINUTE_MS;
}

/** Runs once in each interval, first after one. It leaves out a run while the last one takes longer. */
function startSchedule(intervalMs: number, run: () => Promise<unknown>) {
  let running: Promise<unknown> | undefined;
  const timer = setInterval(() => {
    running ??= run().finally(() => {
      running = undefined;
    });
  }, intervalMs);
  return {
    stop() {
      clearInterval(timer);
      return running;
    },
  };
}

/** An event of EventBridge. The functions read only its time. */
export const scheduledEvent = (): object => ({
  version: '0',
  source: 'aws.events',
  'detail-type': 'Scheduled Event',
  time: new Date().toISOString(),
  detail: {},
});
