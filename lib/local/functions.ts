import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Cloud, type OnStop, REGION } from './cloud';
import { awsVariables, type Endpoints, vendorVariables } from './endpoints';
import type { Invocation } from './lambda/environment';
import { createLambda, type Lambda } from './lambda/runtime';
import { createMetrics, type LocalMetrics } from './metrics';
import { scheduleVariables } from './schedule';
import type { Packaged } from './template/package';
import { unzip } from './template/zip';
import { type LocalMapping, type OnEvent, startTriggers } from './triggers';

export interface Observers {
  onInvocation?: ((invocation: Invocation) => void) | undefined;
  onEvent?: OnEvent | undefined;
}

export interface FunctionsOptions extends Observers, Pick<Cloud, 'declared' | 'sqs'> {
  packaged: Packaged;
  endpoints: Endpoints & { sns: string };
}

/** Starts the template's functions and the triggers that invoke them. */
export function startFunctions(
  { packaged, declared, sqs, endpoints, onInvocation, onEvent }: FunctionsOptions,
  onStop: OnStop,
): { lambda: Lambda; mappings: LocalMapping[]; metrics: LocalMetrics } {
  const directory = mkdtempSync(join(tmpdir(), 'local-service-'));
  onStop(async () => rmSync(directory, { recursive: true, force: true }));
  for (const { key, artifact } of declared.functions) unzip(join(packaged.directory, artifact), join(directory, key));

  const metrics = createMetrics(sqs);
  const names = new Map(declared.functions.map(({ key, name }) => [key, name]));
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
      metrics.invocation(invocation, names.get(invocation.function) ?? invocation.function);
      onInvocation?.(invocation);
    },
  });
  const triggers = startTriggers({ declared, sqs }, lambda, (event, queue) => onEvent?.(event, queue));
  onStop(async () => {
    // Start no new runs, then kill those that are running instead of waiting for a slow one.
    const ended = triggers.stop();
    await lambda.stop();
    await ended;
  });
  return { lambda, mappings: triggers.mappings, metrics };
}
