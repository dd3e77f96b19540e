import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import * as z from 'zod';
import { instanceFile, rowSchema } from '../../resources/instances/file';
import { parseInstance, readDefaults } from '../../resources/instances/read';
import { valueAt } from '../../resources/instances/rules';
import { problemsOf } from '../support/instances';

type Schema = z.core.JSONSchema.BaseSchema;

const INTRO = `# Settings

For those who write a file in \`instances/\`: each setting, as \`npm run schemas\` writes it from the code. Times are
seconds unless the setting says otherwise. A secret is a reference: \`ssm:/path\` or \`secretsmanager:name\`. A queue's
name after "required" means that a file with this queue needs the setting. [White label](white-label.md) explains the
files, and \`sls check\` names everything that is wrong with one.
`;
const QUEUES = `## A queue

These belong under \`queues.NAME\`, as do \`alarms\` of its own. \`prod.yml\` and \`staging.yml\` in \`instances/profiles\` change some of the defaults.
`;

/** docs/settings.md: each setting of an instance's file, with its type, its default and its meaning. */
export function settingsPage(): string {
  const own = leaves(objectOf(instanceFile));
  const ofQueue = leaves(objectOf(rowSchema)).filter(([path]) => !path.startsWith('alarms.'));
  return [INTRO, table(own, defaultOf), QUEUES, table(ofQueue, defaultOfQueue)].join('\n').trimEnd().concat('\n');
}

const objectOf = (schema: z.ZodType): Schema => z.toJSONSchema(schema, { io: 'input' });

/** The settings by their paths. A section is left out for what is in it. */
const leaves = ({ properties = {} }: Schema, before = ''): [string, Schema][] =>
  Object.entries(properties).flatMap(([name, schema]) => {
    if (typeof schema === 'boolean') return [];
    const path = `${before}${name}`;
    return schema.properties ? leaves(schema, `${path}.`) : [[path, schema]];
  });

function table(rows: [string, Schema][], defaultText: (path: string) => string): string {
  const lines = rows.map(
    ([path, schema]) =>
      `| \`${path}\` | ${typeOf(schema)} | ${defaultText(path) || (schema.default ?? '')} | ${meaningOf(schema)} |`,
  );
  return ['| setting | type | default, or who requires it | meaning |', '|---|---|---|---|', ...lines, ''].join('\n');
}

const SECRET = /: ssm:.*/;
const meaningOf = ({ description = '' }: Schema): string => description.replace(SECRET, '').replaceAll('docs/', '');

function typeOf({ type, enum: values, minimum, maximum, items, description = '' }: Schema): string {
  if (values) return values.map((value) => `\`${value}\``).join(', ');
  if (SECRET.test(description)) return 'secret';
  if (type === 'integer') return `${minimum}–${maximum}`;
  if (type === 'array') return (items as Schema).type === 'integer' ? 'two numbers' : 'list';
  return { string: 'text', boolean: '`true`, `false`', object: 'table', number: 'number' }[String(type)] ?? 'text';
}

const textOf = (value: unknown): string => (Array.isArray(value) ? value.join(' and ') : String(value));

const profiles = ['prod', 'staging'].map((stage): [string, unknown] => [
  stage,
  parse(readFileSync(`instances/profiles/${stage}.yml`, 'utf8')),
]);

/** What the defaults say, and where a profile says otherwise. */
function defaultOf(path: string): string {
  const value = valueAt(readDefaults(), path);
  const changes = profiles.flatMap(([stage, profile]) => {
    const changed = valueAt(profile, path);
    return changed === undefined ? [] : [`${stage} ${textOf(changed)}`];
  });
  return value === undefined || path === 'queues' ? requiredBy(path) : [textOf(value), ...changes].join('; ');
}

function defaultOfQueue(path: string): string {
  const rows = Object.entries(readDefaults().queues).map(([queue, row]) => [queue, valueAt(row, path)] as const);
  const values = new Set(rows.map(([, value]) => value));
  if (values.size > 1) return rows.map(([queue, value]) => `${queue} ${value}`).join(', ');
  const [value] = values;
  return value === undefined ? '' : textOf(value);
}

const queueNames = Object.keys(readDefaults().queues);
/** The queues that a file without this setting must not name. */
const missing = new Map(
  queueNames.map(
    (queue) => [queue, problemsOf(() => parseInstance('x', `stage: prod\nqueues:\n  ${queue}:\n`))] as const,
  ),
);

function requiredBy(path: string): string {
  if (path === 'stage' || path === 'queues') return 'required';
  const queues = queueNames.filter((queue) => missing.get(queue)?.includes(`instances/x.yml: ${path}: is missing`));
  return queues.length === queueNames.length
    ? 'required'
    : `${queues.length === 0 ? '' : 'required: '}${queues.join(', ')}`;
}
