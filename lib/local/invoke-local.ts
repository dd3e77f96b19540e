import * as z from 'zod';
import { LOCAL_ARN } from '../startup/cold-start';
import type { Connection } from './connection';
import { awsVariables, EVENT_KEYS, vendorVariables } from './endpoints';
import { signedHeaders } from './fakes/sendgrid-events';

interface Functions {
  [name: string]: { environment?: Record<string, string> };
}

/** Connects functions that run in this process (`sls invoke local`) to the running service only. */
export function connectFunctions(
  { endpoints, region }: Connection,
  { functions, env, account }: { functions: Functions; env: Record<string, string | undefined>; account: string },
): void {
  // They may belong to a real account and must not reach the local endpoints.
  for (const name of ['AWS_SESSION_TOKEN', 'AWS_PROFILE', 'AWS_DEFAULT_PROFILE']) delete env[name];
  Object.assign(env, awsVariables(endpoints, region), {
    [LOCAL_ARN]: `arn:aws:lambda:${region}:${account}:function:local`,
  });
  for (const declared of Object.values(functions)) {
    if (declared.environment) Object.assign(declared.environment, vendorVariables(endpoints, declared.environment));
  }
}

const webhookSchema = z.looseObject({ headers: z.record(z.string(), z.string()), body: z.string() });

/** An event with SendGrid's signature, if it is a request to the webhook. The webhook takes no request without one. */
export function signedAsSendgrid(event: unknown, now: number): unknown {
  const parsed = webhookSchema.safeParse(event);
  if (!parsed.success) return event;
  const { headers, body } = parsed.data;
  return { ...parsed.data, headers: { ...headers, ...signedHeaders(body, EVENT_KEYS, now) } };
}
