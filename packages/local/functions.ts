import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Cloud, REGION } from './cloud';
import { awsVariables, type Endpoints, vendorVariables } from './connection';
import { createMetrics } from './control-plane';
import { createEventSourceMapping, type MappingEvent } from './event-source-mapping';
import { createLambda, type Invocation } from './lambda/runtime';
import { realTimers as timers } from './sqs/server';
import { type Packaged, unzip } from './template/package';

export interface Observers {
  onInvocation?: ((invocation: Invocation) => void) | undefined;
  onEvent?: ((event: MappingEvent, queue: string) => void) | undefined;
}

interface FunctionsOptions extends Observers, Pick<Cloud, 'declared' | 'sqs'> {
  packaged: Packaged;
  endpoints: Endpoints;
}

/** Starts the template's functions, and the event source mappings and schedules that invoke them. */
export function startFunctions({ packaged, declared, sqs, endpoints, onInvocation, onEvent }: FunctionsOptions) {
  const directory = mkdtempSync(join(tmpdir(), 'local-service-'));
  for (const { key, artifact } of declared.functions) unzip(join(packaged.directory, artifact), join(directory, key));

  const metrics = createMetrics();
  const lambda = createLambda({
    functions: declared.functions,
    directory,
    region: REGION,
    variables: ({ key, environment, schedule }) => ({
      ...awsVariables(endpoints, REGION),
      // No emulator checks the key, so it can tell who calls.
      AWS_ACCESS_KEY_ID: key,
      ...vendorVariables(endpoints, environment),
      ...(key === 'reconciler' && schedule && { RECONCILE_EVERY: String(scheduleMs(schedule) / 1000) }),
    }),
    onInvocation: (invocation) => {
      const { functionName, ms, log } = invocation;
      metrics.put({ namespace: 'AWS/Lambda', name: 'Duration', dimensions: { FunctionName: functionName } }, ms);
      metrics.takeLog(log);
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
    return { ...poller, queue: mapping.queue, functionName: worker.name };
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

/** The interval of `rate(…)` or of a daily `cron(…)` on this machine, in ms. Throws on any other expression. */
export function scheduleMs(expression: string): number {
  if (/^cron\(\d+ \d+ \* \* \? \*\)$/.test(expression)) return scheduleMs('rate(1 day)');
  const [, count, unit = ''] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression) ?? [];
  const minutes = Number(count) * (MINUTES[unit] ?? Number.NaN);
  if (Number.isNaN(minutes)) throw new Error(`the schedule ${expression} cannot run on this machine`);
  return minutes * SCHEDULE_MINUTE_MS;
}

/** Runs once in each interval, first after one. It leaves out a run while the last one takes longer. */
function startSchedule(intervalMs: number, run: () => Promise<unknown>): { stop(): Promise<void> } {
  let running: Promise<unknown> | undefined;
  const timer = setInterval(() => {
    running ??= run().finally(() => {
      running = undefined;
    });
  }, intervalMs);
  return {
    async stop() {
      clearInterval(timer);
      await running;
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
