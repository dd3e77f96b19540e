import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { envProblems } from '../../lib/config/environment';
import { emailsEnv, environmentSchemas, secretsOf } from '../../lib/config/functions';
import { chunkSizeOf } from '../../lib/emails/campaigns/campaign';
import { eventBus } from '../../lib/jobs/keys';
import { isReference, settings as queueSettings } from './file';
import { functionsOf, type Instance, keyName } from './instance';
import { nearestText, type Problem } from './problems';

/** `custom.instance` of serverless.yml: the file's settings, lists and tables as texts, and what follows from them. */
export function templateValues(instance: Instance): Record<string, unknown> {
  const { name, region, stage, bucket, prefix, retain, rows, settings } = instance;
  const { queues: _queues, tags: _tags, ...others } = settings;
  const { zone = 'UTC', between, dailyCap } = settings.sendgrid ?? {};
  return {
    ...withTexts({ ...others, name, region, stage, bucket, prefix, retain }),
    sendingLimits: between || dailyCap ? JSON.stringify({ zone, between, dailyCap }) : null,
    eventBus: eventBus(name, settings.events?.bus) || null,
    keyName: keyName(instance) ?? null,
    queueSettings: JSON.stringify(
      Object.fromEntries(rows.map((row) => [row.name, queueSettings(row, settings.retention?.retry)])),
    ),
    guard: JSON.stringify(settings.sendgrid?.guard ?? {}),
    dlqDepths: JSON.stringify(Object.fromEntries(rows.map((row) => [row.name, row.alarms.dlqDepth]))),
  };
}

/** Tables with keys of the client's own. Each becomes the text of a variable, such as `price=number,product=text`. */
const PAIRS = ['feedbackByLanguage', 'columns'];

function withTexts(table: object): object {
  const textOf = (key: string, value: unknown): unknown => {
    if (Array.isArray(value)) return value.join(',');
    if (typeof value !== 'object' || value === null) return value;
    const pairs = Object.entries(value).map((pair) => pair.join('='));
    return PAIRS.includes(key) ? pairs.join(',') : withTexts(value);
  };
  return Object.fromEntries(Object.entries(table).map(([key, value]) => [key, textOf(key, value)]));
}

type Block = Record<string, string>;

const read = new Map<string, Record<string, Block>>();

/** The variables of each function as serverless.yml and the files that it names say them. Read once. */
function blocksOf(root: string): Record<string, Block> {
  const known = read.get(root);
  if (known) return known;
  const yaml = <T>(file: string) => parse(readFileSync(join(root, file), 'utf8'), { logLevel: 'silent' }) as T;
  const { provider, functions } = yaml<ServiceFile>('serverless.yml');
  const own = (key: string): Block => {
    const given = functions[key]?.environment ?? {};
    if (typeof given !== 'string') return given;
    const [, file = ''] = /^\$\{file\((.+)\):environment\}$/.exec(given) ?? [];
    return yaml<{ environment: Block }>(file).environment;
  };
  const all = Object.keys(functions).map((key) => [key, { ...provider.environment, ...own(key) }] as const);
  const blocks = Object.fromEntries(all);
  read.set(root, blocks);
  return blocks;
}

interface ServiceFile {
  provider: { environment: Block };
  functions: Record<string, { environment?: Block | string }>;
}

const blockOf = (key: string, root: string): Block => blocksOf(root)[key] ?? {};

const REFERENCE = /\$\{self:custom\.([\w.-]+)(?:, null)?\}/g;

/** The setting behind a variable's text in YAML, such as `zendesk.token`. */
function settingIn(text: string): string {
  const [[, path = ''] = []] = [...text.matchAll(REFERENCE)];
  return path.replace(/^instance\./, '');
}

/** The environment of a function: what Serverless makes of its YAML for this instance. Absent settings are left out. */
export function environmentOf(instance: Instance, key: string, root = process.cwd()): Record<string, string> {
  const values = { instance: templateValues(instance), queues: instance.known };
  const valued = Object.entries(blockOf(key, root)).map(([variable, text]) => {
    const value = text.replace(REFERENCE, (_, path: string) => String(valueAt(values, path) ?? ''));
    return [variable, value] as const;
  });
  return Object.fromEntries(valued.filter(([, value]) => value !== ''));
}

const valueAt = (values: object, path: string): unknown =>
  path.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], values);

/** What the functions in use miss in their environment, and secrets that would appear in the template. */
export function settingProblems(instance: Instance, root = process.cwd()): Problem[] {
  const missing = functionsOf(instance).flatMap((key) => {
    const block = blockOf(key, root);
    const schema = environmentSchemas[key];
    const problems = schema ? envProblems(schema, environmentOf(instance, key, root)) : [];
    return problems.map(({ variable, rule }) => [settingIn(block[variable] ?? '') || variable, rule] as const);
  });
  const byPath = [...new Map(missing)].map(([path, rule]) => ({ path, rule }));
  const own = [
    ...foreignSender(instance),
    ...foreignKey(instance),
    ...smallCap(instance),
    ...webhookProblems(instance),
  ];
  return [...byPath, ...own, ...unusedVariables(instance, root), ...plainSecrets(instance, root)];
}

/** Queues, table, topics and logs take a key of their own region only. */
const foreignKey = ({ region, settings: { kmsKey = 'own' } }: Instance): Problem[] =>
  kmsKey === 'own' || kmsKey.split(':')[3] === region
    ? []
    : [{ path: 'kmsKey', rule: `must be in the region of the instance (${region})` }];

/** Confirmations would be refused by the rule that protects the client's domains. */
function foreignSender({ settings: { sender } }: Instance): Problem[] {
  const { email, domains } = sender ?? {};
  if (email === undefined || domains === undefined || domains.includes(email.split('@')[1] ?? '')) return [];
  return [{ path: 'sender.email', rule: `must be of one of sender.domains (${domains.join(', ')})` }];
}

/** A chunk is sent whole, so a smaller cap would let nothing through. */
function smallCap({ settings: { sendgrid } }: Instance): Problem[] {
  const chunk = chunkSizeOf(emailsEnv.shape.EMAIL_RATE.parse(sendgrid?.rate));
  const { dailyCap = chunk } = sendgrid ?? {};
  return dailyCap < chunk ? [{ path: 'sendgrid.dailyCap', rule: `must be >= ${chunk}, one chunk at this rate` }] : [];
}

function webhookProblems({ settings: { events } }: Instance): Problem[] {
  const { bus, webhook } = events ?? {};
  if (!webhook) return [];
  const missing = (['url', 'key'] as const).filter((name) => webhook[name] === undefined);
  return [
    ...missing.map((name) => ({ path: `events.webhook.${name}`, rule: 'is missing' })),
    ...(bus === 'own' ? [] : [{ path: 'events.bus', rule: 'must be own, because the webhook belongs to that bus' }]),
  ];
}

const unusedVariables = ({ rows }: Instance, root: string): Problem[] =>
  rows.flatMap(({ name: queue, env = {} }) => {
    const path = `queues.${queue}.env`;
    const read = Object.values(blockOf(queue, root)).map(settingIn);
    const known = read.filter((setting) => setting.startsWith(`${path}.`)).map((s) => s.slice(path.length + 1));
    return Object.keys(env)
      .filter((name) => !known.includes(name))
      .map((name) => ({
        path: `${path}.${name}`,
        rule: `is not a variable of the function.${nearestText(name, known)}`,
      }));
  });

/** Secrets of any function, in use or not, that are not references. A queue not in use has those of its profile. */
function plainSecrets(instance: Instance, root: string): Problem[] {
  if (instance.stage === 'local') return [];
  const isUsed = (path: string) =>
    !path.startsWith('queues.') || instance.rows.some(({ name }) => path.startsWith(`queues.${name}.`));
  return secretSettings(instance, Object.keys(environmentSchemas), root)
    .filter(({ path, value }) => isUsed(path) && !isReference(value))
    .map(({ path }) => ({
      path,
      rule: 'must be a reference, ssm:/path or secretsmanager:name, not the secret itself',
    }));
}

/** The secrets that these functions read, with the paths of their settings. */
export function secretSettings(
  instance: Instance,
  functions: string[],
  root = process.cwd(),
): { path: string; value: string }[] {
  const found = functions.flatMap((key) => {
    const values = environmentOf(instance, key, root);
    const block = blockOf(key, root);
    return secretsOf(key).flatMap((name) =>
      values[name] ? [[settingIn(block[name] ?? ''), values[name]] as const] : [],
    );
  });
  return [...new Map(found)].map(([path, value]) => ({ path, value }));
}
