import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import * as z from 'zod';
import { instanceFile, rowSchema } from '../../resources/instances/file';
import { parseInstance, readDefaults } from '../../resources/instances/read';
import { valueAt } from '../../resources/instances/rules';
import { problemsOf } from '../support/instances';
import { withTable } from './pages';

type Schema = z.core.JSONSchema.BaseSchema;

/** docs/settings.md with each setting of an instance's file: its type, its default and its meaning. */
export function settingsPage(): string {
  const page = readFileSync('docs/settings.md', 'utf8');
  const own = leaves(objectOf(instanceFile));
  const ofQueue = leaves(objectOf(rowSchema)).filter(([path]) => !path.startsWith('alarms.'));
  const first = withTable(page, '| setting | type | default, or who requires it | meaning |', rows(own, defaultOf));
  return withTable(first, '| setting of a queue | type | default | meaning |', rows(ofQueue, defaultOfQueue));
}

const objectOf = (schema: z.ZodType): Schema => z.toJSONSchema(schema, { io: 'input' });

/** The settings by their paths. A section is left out for what is in it. */
const leaves = ({ properties = {} }: Schema, before = ''): [string, Schema][] =>
  Object.entries(properties).flatMap(([name, schema]) => {
    if (typeof schema === 'boolean') return [];
    const path = `${before}${name}`;
    return schema.properties ? leaves(schema, `${path}.`) : [[path, schema]];
  });

const rows = (settings: [string, Schema][], defaultText: (path: string) => string): string[] =>
  settings.map(
    ([path, schema]) =>
      `| \`${path}\` | ${typeOf(schema)} | ${defaultText(path) || (schema.default ?? '')} | ${meaningOf(schema)} |`,
  );

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
  if (queues.length === 0) return '';
  return queues.length === queueNames.length ? 'required' : `required: ${queues.join(', ')}`;
}
