import type { ZodObject } from 'zod';
import { alarmsEnv } from './alarms';
import { analyticsEnv, hoursEnv } from './analytics';
import { emailEventsEnv, emailsEnv } from './emails';
import { feedbackEnv } from './feedback';
import { reconcilerEnv } from './reconciler';
import { testflightEnv } from './testflight';
import { secret } from './values';

/** The schema of each function's environment. A function that is missing here cannot be deployed. */
export const environmentSchemas: Record<string, ZodObject> = {
  feedback: feedbackEnv,
  emails: emailsEnv,
  emailEvents: emailEventsEnv,
  testflight: testflightEnv,
  analytics: analyticsEnv,
  hours: hoursEnv,
  reconciler: reconcilerEnv,
  alarms: alarmsEnv,
};

/** The variables of a function that hold secrets. */
export const secretsOf = (key: string): string[] =>
  Object.entries(environmentSchemas[key]?.shape ?? {}).flatMap(([name, schema]) => (schema === secret ? [name] : []));
