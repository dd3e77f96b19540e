import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MetricStore } from '../alarms/judge/metric-store';
import { measure } from './alarms/measure';
import { type LocalAlarms, startAlarms } from './alarms/start';
import { ACCOUNT, type Cloud, type OnStop, REGION } from './cloud';
import { awsVariables, type Endpoints, vendorVariables } from './endpoints';
import type { Invocation } from './lambda/environment';
import { createLambda, type Lambda } from './lambda/runtime';
import { scheduleVariables } from './schedule';
import type { Packaged } from './template/package';
import { unzip } from './template/zip';
import { realTimers as timers } from './timers';
import { type LocalMapping, type OnEvent, startTriggers } from './triggers';

export interface Observers {
  onInvocation?: ((invocation: Invocation) => void) | undefined;
  onEvent?: OnEvent | undefined;
}

export interface FunctionsOptions extends Observers, Pick<Cloud, 'declared' | 'sqs'> {
  packaged: Packaged;
  endpoints: Endpoints & { sns: string };
}

/** Starts the template's functions, the triggers that invoke them, and the alarms that watch them. */
export function startFunctions(
  { packaged, declared, sqs, endpoints, onInvocation, onEvent }: FunctionsOptions,
  onStop: OnStop,
): { lambda: Lambda; alarms: LocalAlarms; mappings: LocalMapping[]; store: MetricStore } {
  const directory = mkdtempSync(join(tmpdir(), 'local-service-'));
  onStop(async () => rmSync(directory, { recursive: true, force: true }));
  for (const { key, artifact } of declared.functions) unzip(join(packaged.directory, artifact), join(directory, key));

  const measured = measure(declared);
  const lambda = createLambda({
    functions: declared.functions,
    code: ({ key }) => join(directory, key),
    logs: join(directory, 'logs'),
    region: REGION,
    variables: ({ key, environment }) => ({
      ...awsVariables(endpoints, REGION),
      // No emulator checks the key, so it can tell who calls.
      AWS_ACCESS_KEY_ID: key,
      ...vendorVariables(endpoints, environment),
      ...scheduleVariables(declared.schedules, key),
    }),
    onInvocation: (invocation) => {
      measured.invocation(invocation);
      onInvocation?.(invocation);
    },
  });
  const triggers = startTriggers({ declared, sqs }, lambda, (event, queue) => {
    measured.event(event, queue);
    onEvent?.(event, queue);
  });
  const { resources } = packaged;
  const surroundings = { resources, region: REGION, account: ACCOUNT, stack: 'local', sqsUrl: endpoints.sqs };
  const alarms = startAlarms({ surroundings, declared, sqs, lambda, store: measured.store, timers });
  onStop(async () => {
    // Start no new runs, then kill those that are running instead of waiting for a slow one.
    const ended = Promise.all([triggers.stop(), alarms.stop()]);
    await lambda.stop();
    await ended;
  });
  return { lambda, alarms, mappings: triggers.mappings, store: measured.store };
}
