import * as z from 'zod';

const ACCOUNT = '\\d{12}';
const IDENTITY = 'arn:aws[\\w-]*:iam::\\d{12}:(?:role|user)/[\\w+=,.@/-]+';
const SERVICE = '[a-z0-9-]+(?:\\.[a-z0-9-]+)*\\.amazonaws\\.com';

const matching = (patterns: string[], rule: string) =>
  z.array(z.string(rule).regex(new RegExp(`^(?:${patterns.join('|')})$`), rule)).min(1);

/** Principals of IAM, without wildcards: accounts as 12 digits, or ARNs of roles and users. */
export const callers = matching([ACCOUNT, IDENTITY], 'must be an account of 12 digits in quotes, or the ARN of a role');

/** The same, and services of AWS that run the API. */
export const trusted = matching(
  [ACCOUNT, IDENTITY, SERVICE],
  'must be an account of 12 digits in quotes, the ARN of a role, or a service such as ecs-tasks.amazonaws.com',
);

export const organization = z
  .string()
  .regex(/^o-[a-z0-9]{10,32}$/, 'must be the id of an organisation such as o-a1b2c3d4e5');

/** A whole number between two limits. */
export const whole = (min: number, max: number) =>
  z
    .number('must be a whole number')
    .int('must be a whole number')
    .min(min, `must be >= ${min}`)
    .max(max, `must be <= ${max}`);
