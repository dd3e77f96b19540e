import { functionName } from '../../lib/engine/jobs/keys';
import { ANALYTICS_QUEUE } from '../../lib/queues/analytics/queue';
import { chunkSizeOf } from '../../lib/queues/emails/campaigns/campaign';
import { emailsEnv } from '../../lib/queues/emails/config';
import { QUEUES } from '../../lib/queues/queues';
import { functionsOf, type Instance } from './instance';
import type { Problem } from './problems';

/** The settings that a function cannot do without, and that no profile has. */
const NEEDED: Record<string, readonly string[]> = {
  ...Object.fromEntries(Object.entries(QUEUES).map(([queue, { needs = [] }]) => [queue, needs])),
  emailEvents: ['sendgrid.eventsKey'],
};

/** The webhook notes addresses for the suppression list, and alarms go to Discord, if the instance has one. */
const MAY_NEED: Record<string, string[]> = { emailEvents: ['sendgrid.suppressionKey'], alarms: ['notify.discord'] };

/** The settings that name secrets. A function that needs one may read it. */
const SECRETS = [
  ...['hashKey', 'sendgrid.apiKey', 'sendgrid.suppressionKey', 'notify.discord'],
  ...Object.values(QUEUES).flatMap(({ secrets = [] }) => secrets),
];

/** `path`: like `zendesk.token`. */
export const valueAt = (settings: unknown, path: string): unknown =>
  path.split('.').reduce((at, key) => (at as Record<string, unknown> | null | undefined)?.[key], settings);

/** What these functions need and the settings do not have. */
export const missing = (settings: { stage?: unknown }, functions: string[]): Problem[] =>
  [...new Set([...(settings.stage === 'local' ? [] : ['account']), ...functions.flatMap((key) => NEEDED[key] ?? [])])]
    .filter((path) => valueAt(settings, path) === undefined)
    .map((path) => ({ path, rule: 'is missing' }));

export function secretsOf(instance: Instance, functions: string[]): { path: string; value: string }[] {
  const given = (path: string) => valueAt(instance, path) !== undefined;
  return [...new Set(functions.flatMap((key) => [...(NEEDED[key] ?? []), ...(MAY_NEED[key] ?? []).filter(given)]))]
    .filter((path) => SECRETS.includes(path))
    .map((path) => ({ path, value: String(valueAt(instance, path) ?? '') }));
}

export function brokenRules(instance: Instance): Problem[] {
  const { stage, region, kmsKey = 'own', tags = {}, sender, sendgrid, events, waits, rows } = instance;
  const problems: Problem[] = [];
  const rule = (ok: boolean, path: string, text: string) => ok || problems.push({ path, rule: text });
  // Queues, table, topics and logs take a key of their own region only.
  const [, , , keyRegion = region] = kmsKey.split(':');
  rule(keyRegion === region, 'kmsKey', `must be in the region of the instance (${region})`);
  const posts = functionsOf(instance).includes('emailEvents');
  rule(
    !posts || !region.startsWith('us-gov-'),
    'region',
    'must not be of GovCloud: SendGrid posts its events to a function URL, which Lambda does not have there',
  );
  // IAM makes no role with two tags that differ only in case.
  for (const key of Object.keys(tags)) {
    const first = Object.keys(tags).find((other) => other.toLowerCase() === key.toLowerCase());
    rule(first === key, `tags.${key}`, `must differ from ${first} in more than case`);
  }
  // Confirmations would be refused by the rule that protects the client's domains.
  const domains = sender.domains ?? [];
  const [, domain = ''] = sender.email?.split('@') ?? [];
  rule(
    domains.length === 0 || domains.includes(domain),
    'sender.email',
    `must be of one of sender.domains (${domains.join(', ')})`,
  );
  // A chunk is sent whole, so a smaller cap would let nothing through.
  const chunk = chunkSizeOf(emailsEnv.shape.EMAIL_RATE.parse(sendgrid.rate), sendgrid.guard?.first);
  rule((sendgrid.dailyCap ?? chunk) >= chunk, 'sendgrid.dailyCap', `must be >= ${chunk}, one chunk at this rate`);
  rule(!events.webhook || events.bus === 'own', 'events.bus', 'must be own, because the webhook belongs to that bus');
  for (const path of SECRETS) {
    const value = valueAt(instance, path);
    const ok = stage === 'local' || value === undefined || REFERENCE.test(String(value));
    rule(ok, path, 'must be a reference, ssm:/path or secretsmanager:name, not the secret itself');
  }
  // During the waits between attempts, an old message in the queue is normal.
  const longest = waits.retry.reduce((sum, wait) => sum + wait, 0) * 1.1;
  for (const { name, timeout, visibility, batch, retention, dlq, alarms } of rows) {
    const at = `queues.${name}`;
    // AWS recommends six times, so that Lambda can try again while it is throttled.
    // https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    rule(visibility >= 6 * timeout, `${at}.visibility`, `must be >= 6 x timeout (${6 * timeout})`);
    rule(batch === 1 || name === ANALYTICS_QUEUE, `${at}.batch`, 'must be 1, because its jobs must not run twice');
    rule(dlq.retention >= retention, `${at}.dlq.retention`, `must be >= the queue's (${retention})`);
    rule(alarms.age < retention, `${at}.alarms.age`, `must be < the queue's retention (${retention})`);
    rule(alarms.age > longest, `${at}.alarms.age`, `must be > the waits between attempts (${longest})`);
  }
  return [...problems, ...brokenLimits(instance, functionsOf(instance))];
}

/** What IAM would refuse in the middle of a deployment: long names of roles. */
export function brokenLimits({ name, region }: Pick<Instance, 'name' | 'region'>, functions: string[]): Problem[] {
  const roles = functions.map((key) => `${functionName(name, key)}-${region}`);
  const long = roles.filter((role) => role.length > ROLE_NAME);
  const ruleOf = (role: string) => `the name of the role ${role} has more than ${ROLE_NAME} characters`;
  return long.map((role) => ({ path: 'region', rule: ruleOf(role) }));
}

/** https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
const ROLE_NAME = 64;

const REFERENCE = /^(ssm:\/[A-Za-z0-9_./-]+|secretsmanager:[A-Za-z0-9/_+=.@-]+(#[A-Za-z0-9/_+=.@-]+)?)$/;
