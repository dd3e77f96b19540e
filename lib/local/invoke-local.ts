import * as z from 'zod';
import { parseEnvelope } from '../jobs/envelope';
import { LOCAL_ARN } from '../startup/function-arn';
import type { Connection } from './connection';
import { awsVariables, EVENT_KEYS, vendorVariables } from './endpoints';
import { signedHeaders } from './fakes/sendgrid-events';

interface Functions {
  [name: string]: { environment?: Record<string, string> };
}

/** Connects functions that run in this process (`sls invoke local`) to the running service only. */
export function connectFunctions(
  { api, endpoints, region }: Connection,
  { functions, env, account }: { functions: Functions; env: Record<string, string | undefined>; account: string },
): void {
  // They may belong to a real account and must not reach the local endpoints.
  for (const name of ['AWS_SESSION_TOKEN', 'AWS_PROFILE', 'AWS_DEFAULT_PROFILE']) delete env[name];
  Object.assign(env, awsVariables({ ...endpoints, sns: `${api}/sns` }, region), {
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

const eventSchema = z.object({ Records: z.array(z.object({ body: z.string(), messageId: z.string() })) });
const jobSchema = z.object({
  queue: z.string(),
  state: z.string(),
  reason: z.string().optional(),
  attempts: z.number(),
  steps: z.record(z.string(), z.object({ status: z.string() })),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
});

/** One line for each job of an event, with the outcome. An event without messages has none. */
export async function outcomes({ api }: Connection, event: unknown): Promise<string[]> {
  const parsed = eventSchema.safeParse(event);
  if (!parsed.success) return [];
  return Promise.all(
    parsed.data.Records.map(async ({ body, messageId }) => {
      const id = idOf(body) ?? `invalid/${messageId}`;
      const answer = await fetch(`${api}/records/${id}`);
      if (!answer.ok) return `${id}: no row (a successful analytics job writes none)`;
      const { queue, state, reason, attempts, steps, error } = jobSchema.parse(await answer.json());
      const done = Object.entries(steps).map(([name, { status }]) => `${name} ${status}`);
      return [
        `${queue} ${id}: ${state}${reason ? ` (${reason})` : ''}`,
        `attempts ${attempts}`,
        ...done,
        ...(error ? [`${error.code}: ${error.message}`] : []),
        `${api}/records/${id}`,
      ].join(' · ');
    }),
  );
}

function idOf(body: string): string | undefined {
  try {
    return parseEnvelope(body).id;
  } catch {
    return undefined;
  }
}
