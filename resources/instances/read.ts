import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { INSTANCE_NAME, instanceFile } from './file';
import { functionsOf, type Instance } from './instance';
import { InstanceProblems, linesOf, nearestText, problemsOf } from './problems';
import { brokenRules, missing } from './rules';

const FOLDER = 'instances';

/** The instance that each stage means when no name is given. `local` is the service on this machine. */
const STAGES_FILE = 'stages.yml';

export const instanceNames = (root = process.cwd()): string[] =>
  readdirSync(join(root, FOLDER))
    .filter((file) => file.endsWith('.yml') && file !== STAGES_FILE)
    .map((file) => file.slice(0, -'.yml'.length))
    .sort();

export const fileOf = (name: string): string => `${FOLDER}/${name}.yml`;

/** Reads `instances/{name}.yml`. Throws InstanceProblems with all problems of the file. */
export function readInstance(name: string, root = process.cwd()): Instance {
  const file = fileOf(name);
  if (!existsSync(join(root, file)))
    throw new InstanceProblems([
      `There is no instance ${name}: ${file} does not exist.${nearestText(name, instanceNames(root))}`,
    ]);
  if (!INSTANCE_NAME.test(name))
    throw new InstanceProblems([
      `${file}: the name of an instance must be 2 to 32 lowercase letters, digits or hyphens, and begin with a letter`,
    ]);
  return parseInstance(name, readFileSync(join(root, file), 'utf8'), root);
}

/** An instance from the text of its file, over its profile and the defaults. Throws InstanceProblems. */
export function parseInstance(name: string, text: string, root = process.cwd()): Instance {
  const file = fileOf(name);
  const own = tableOf(file, text);
  const profile = `${FOLDER}/profiles/${String(own.stage)}.yml`;
  const defaults = readDefaults(root);
  const { queues, ...merged } = [defaults, existsSync(join(root, profile)) ? tableIn(profile, root) : {}, own].reduce(
    merge,
  );
  const known = Object.keys(defaults.queues);
  // This machine runs every queue, and its file says only what differs.
  const used = own.stage === 'local' ? known : Object.keys(isTable(own.queues) ? own.queues : {});
  const problems = used
    .filter((queue) => !known.includes(queue))
    .map((queue) => ({ path: `queues.${queue}`, rule: `is not a queue.${nearestText(queue, known)}` }));
  if (used.length === 0) problems.push({ path: 'queues', rule: `must name the queues in use: ${known.join(', ')}` });

  const given = known.map((queue) => [queue, merge({ alarms: merged.alarms }, (queues as Table)[queue])] as const);
  const parsed = instanceFile.safeParse(
    { prefix: name, ...merged, queues: Object.fromEntries(given) },
    { reportInput: true },
  );
  problems.push(...(parsed.error?.issues.flatMap(problemsOf) ?? []));
  const functions = functionsOf({ rows: used.map((queue) => ({ name: queue })), known: defaults.queues });
  problems.push(...missing(merged, functions).filter(({ path }) => !problems.some((other) => other.path === path)));
  if (!parsed.success || problems.length > 0) throw new InstanceProblems(linesOf(file, problems));
  const { queues: parsedRows, ...settings } = parsed.data;
  const rows = Object.entries(parsedRows).map(([queue, row]) => ({ ...row, name: queue }));
  const instance: Instance = {
    ...settings,
    name,
    file,
    known: Object.fromEntries(rows.map((row) => [row.name, row])),
    rows: rows.filter((row) => used.includes(row.name)),
  };
  const broken = brokenRules(instance);
  if (broken.length > 0) throw new InstanceProblems(linesOf(file, broken));
  return instance;
}

type Table = Record<string, unknown>;

/** What every instance has unless its profile or its file says otherwise. */
export const readDefaults = (root = process.cwd()) =>
  tableIn(`${FOLDER}/profiles/default.yml`, root) as Table & { queues: Record<string, Table> };

const tableIn = (file: string, root: string): Table => tableOf(file, readFileSync(join(root, file), 'utf8'));

/** The table in the text of a file. An empty file counts as an empty one. */
function tableOf(file: string, text: string): Table {
  try {
    const value = parse(text, { prettyErrors: true }) ?? {};
    if (isTable(value)) return value;
  } catch (error) {
    const [rule = ''] = (error as Error).message.split('\n');
    throw new InstanceProblems([`${file}: is not valid YAML: ${rule.replace(/:$/, '')}`]);
  }
  throw new InstanceProblems([`${file}: must be a table of settings`]);
}

/** Settings of `over` replace those of `under`, table by table. Lists are replaced whole. */
function merge<T>(under: T, over: T): T {
  if (!isTable(under) || !isTable(over)) return over === undefined || over === null ? under : over;
  const keys = new Set([...Object.keys(under), ...Object.keys(over)]);
  return Object.fromEntries([...keys].map((key) => [key, merge(under[key], over[key])])) as T;
}

const isTable = (value: unknown): value is Table =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export interface Choice {
  /** `--param`, each like `instance=acme`. */
  param?: string | string[] | null;
  stage?: string | null;
  region?: string | null;
}

/** Reads the instance of an `sls` call. Throws InstanceProblems. */
export function chosenInstance(choice: Choice, root = process.cwd()): Instance {
  const instance = readInstance(chosenName(choice, root), root);
  for (const option of ['stage', 'region'] as const) {
    const given = choice[option];
    if (given && given !== instance[option])
      throw new InstanceProblems([
        `--${option} is ${given}, but ${instance.file} says ${option}: ${instance[option]}. Leave --${option} out.`,
      ]);
  }
  return instance;
}

function chosenName({ param, stage }: Choice, root: string): string {
  const [given, ...more] = [param ?? []].flat();
  const [, named] = /^instance=(.*)$/.exec(given ?? '') ?? [];
  if (more.length > 0 || (given !== undefined && named === undefined))
    throw new InstanceProblems(['--param must be given once, as instance=NAME. Settings are in instances/NAME.yml.']);
  const stages = new Map(Object.entries(tableIn(`${FOLDER}/${STAGES_FILE}`, root)));
  const name = named?.trim() ?? stages.get(stage ?? 'local');
  if (typeof name === 'string') return name;
  throw new InstanceProblems([
    `stage ${stage} has no instance: use --stage staging or prod, or name a file of instances/ with --param instance=NAME (${instanceNames(root).join(', ')})`,
  ]);
}
