import type * as z from 'zod';
import { type CommonConfig, commonEnv } from '../config/common';
import { envProblems } from '../config/environment';
import { environmentSchemas, secretsOf } from '../config/functions';
import { eventBus, tableName } from '../jobs/keys';
import { type InstanceFile, isReference } from './file';
import { functionsOf } from './functions';
import type { Instance } from './instance';
import { nearestText, type Problem } from './problems';
import { settings } from './queue-row';

/** The setting of an instance's file that each variable of the functions' environment holds. */
export const VARIABLES: Readonly<Record<string, string>> = {
  BUCKET: 'bucket',
  HASH_KEY: 'hashKey',
  PREFIX: 'prefix',
  RETRY_WAITS: 'waits.retry',
  STORE_WAIT: 'waits.store',
  LOG_LEVEL: 'logs.level',
  ZENDESK_ENDPOINT: 'zendesk.endpoint',
  ZENDESK_EMAIL: 'zendesk.email',
  ZENDESK_TOKEN: 'zendesk.token',
  FEEDBACK_TAGS: 'zendesk.tags',
  SENDGRID_ENDPOINT: 'sendgrid.endpoint',
  SENDGRID_API_KEY: 'sendgrid.apiKey',
  SENDGRID_EVENTS_KEY: 'sendgrid.eventsKey',
  EMAIL_RATE: 'sendgrid.rate',
  FEEDBACK_TEMPLATE_ID: 'sendgrid.templates.feedback',
  FEEDBACK_TEMPLATES: 'sendgrid.templates.feedbackByLanguage',
  TESTFLIGHT_TEMPLATE_ID: 'sendgrid.templates.testflight',
  SENDGRID_FROM_EMAIL: 'sender.email',
  SENDGRID_FROM_NAME: 'sender.name',
  SENDER_DOMAINS: 'sender.domains',
  BRAND_NAME: 'brand',
  CONFIRMATION_WAIT: 'waits.confirmation',
  NOTIFICATION_WAIT: 'waits.notification',
  APP_STORE_CONNECT_ENDPOINT: 'appStoreConnect.endpoint',
  APP_STORE_CONNECT_ISSUER_ID: 'appStoreConnect.issuerId',
  APP_STORE_CONNECT_KEY_ID: 'appStoreConnect.keyId',
  APP_STORE_CONNECT_PRIVATE_KEY: 'appStoreConnect.privateKey',
  APPS: 'appStoreConnect.apps',
  APP_STORE_CONNECT_SETTLE: 'appStoreConnect.settle',
  ANALYTICS_NO_ADDRESSES_FROM: 'analytics.noAddressesFrom',
  COMPACTION_SETTLE: 'analytics.settle',
  COMPACTION_GRACE: 'analytics.grace',
  CANARY_EVERY: 'canaryEvery',
  RUNBOOK: 'notify.runbook',
  DISCORD_WEBHOOK_URL: 'notify.discord',
};

/** The value at a path such as `zendesk.tags`. */
export const valueAt = (settingsOf: InstanceFile, path: string): unknown =>
  path.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], { ...settingsOf });

/** A setting as the text of a variable. Entries are separated by commas, those of a table are like `de=value`. */
export function variableText(value: unknown): string {
  if (Array.isArray(value)) return value.join(',');
  if (typeof value !== 'object' || value === null) return String(value ?? '');
  return Object.entries(value)
    .map(([key, entry]) => `${key}=${entry}`)
    .join(',');
}

/** All variables of an instance, also those that no function in use reads. */
export function variablesOf(instance: Instance): Record<string, string> {
  const { name, stage, rows, settings: of, prefix } = instance;
  const derived: Record<
    keyof Pick<CommonConfig, 'INSTANCE' | 'TABLE' | 'QUEUES' | 'EVENT_BUS'> | ('STAGE' | 'PREFIX' | 'DLQ_DEPTHS'),
    string
  > = {
    INSTANCE: name,
    STAGE: stage,
    PREFIX: prefix,
    TABLE: tableName(name),
    EVENT_BUS: eventBus(name, of.events?.bus),
    DLQ_DEPTHS: JSON.stringify(Object.fromEntries(rows.map((row) => [row.name, row.alarms.dlqDepth]))),
    QUEUES: JSON.stringify(Object.fromEntries(rows.map((row) => [row.name, settings(row)]))),
  };
  const given = Object.entries(VARIABLES).map(([variable, path]) => [variable, variableText(valueAt(of, path))]);
  const ofQueues = rows.flatMap(({ env = {} }) => Object.entries(env).map(([key, value]) => [key, String(value)]));
  return { ...Object.fromEntries(ofQueues), ...Object.fromEntries(given), ...derived };
}

/** The variables that all functions read. */
export const commonVariables = (instance: Instance): Record<string, string> => given(instance, commonEnv);

/** The variables that only a function reads, `key`, if they have a value. */
export function environmentOf(instance: Instance, key: string): Record<string, string> {
  const schema = environmentSchemas[key];
  const all = schema ? Object.entries(given(instance, schema)) : [];
  return Object.fromEntries(all.filter(([name]) => !(name in commonEnv.shape)));
}

function given(instance: Instance, schema: z.ZodObject): Record<string, string> {
  const all = variablesOf(instance);
  return Object.fromEntries(Object.keys(schema.shape).flatMap((name) => (all[name] ? [[name, all[name]]] : [])));
}

/** What the functions in use miss in their environment, and secrets that would appear in the template. */
export function settingProblems(instance: Instance): Problem[] {
  const missing = functionsOf(instance).flatMap((key) => {
    const schema = environmentSchemas[key];
    const problems = schema ? envProblems(schema, given(instance, schema)) : [];
    return problems.map(({ variable, rule }) => [settingOf(key, variable), rule] as const);
  });
  const byPath = [...new Map(missing)].map(([path, rule]) => ({ path, rule }));
  return [...byPath, ...unusedVariables(instance), ...plainSecrets(instance)];
}

/** The path of the setting that gives a variable to a function. */
const settingOf = (key: string, variable: string): string => VARIABLES[variable] ?? `queues.${key}.env.${variable}`;

/** Variables of a queue that its worker does not read, or that another setting gives. */
const unusedVariables = ({ rows }: Instance): Problem[] =>
  rows.flatMap(({ name: queue, env = {} }) => {
    const known = Object.keys(environmentSchemas[queue]?.shape ?? {}).filter((name) => !(name in VARIABLES));
    return Object.keys(env)
      .filter((name) => !known.includes(name))
      .map((name) => {
        const setting = VARIABLES[name];
        const rule = setting ? `is given by the setting ${setting}` : `is not a variable.${nearestText(name, known)}`;
        return { path: `queues.${queue}.env.${name}`, rule };
      });
  });

/** Secrets of any function, in use or not, that are not references. */
function plainSecrets(instance: Instance): Problem[] {
  if (instance.stage === 'local') return [];
  return secretSettings(instance, Object.keys(environmentSchemas))
    .filter(({ value }) => !isReference(value))
    .map(({ path }) => ({
      path,
      rule: 'must be a reference, ssm:/path or secretsmanager:name, not the secret itself',
    }));
}

/** The secrets that these functions read, with the paths of their settings. */
export function secretSettings(instance: Instance, functions: string[]): { path: string; value: string }[] {
  const values = variablesOf(instance);
  const secrets = functions.flatMap((key) => secretsOf(key).map((name) => [name, key] as const));
  return [...new Map(secrets)].flatMap(([name, key]) =>
    values[name] ? [{ path: settingOf(key, name), value: values[name] }] : [],
  );
}
