import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import * as z from 'zod';
import {
  INSTANCE_NAME,
  type InstanceFile,
  instanceFile,
  type QueueRow,
  rowProblems,
  rowSchema,
  type Stage,
} from './file';
import type { Instance } from './instance';
import { InstanceProblems, linesOf, nearestText, type Problem, problemsOf } from './problems';
import { settingProblems } from './variables';

export const FOLDER = 'instances';

const STAGES_FILE = 'stages.yml';

export const instanceNames = (root = process.cwd()): string[] =>
  readdirSync(join(root, FOLDER))
    .filter((file) => file.endsWith('.yml') && file !== STAGES_FILE)
    .map((file) => file.slice(0, -'.yml'.length))
    .sort();

/** The instance that each stage means when no name is given. `local` is the service on this machine. */
export function instanceOfStage(root = process.cwd()): Record<string, string> {
  const file = `${FOLDER}/${STAGES_FILE}`;
  const stages = z.record(z.string(), z.string()).safeParse(parsedYaml(file, readFileSync(join(root, file), 'utf8')));
  if (!stages.success) throw new InstanceProblems([`${file}: must name an instance for each stage`]);
  return stages.data;
}

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

/** An instance from the text of its file. Throws InstanceProblems with all problems of the text. */
export function parseInstance(name: string, text: string, root = process.cwd()): Instance {
  const file = fileOf(name);
  const { settings: own, problems } = parseSettings(file, text);
  const { stage } = own;
  if (stage === undefined) {
    const missing = problems.some(({ path }) => path === 'stage') ? [] : [{ path: 'stage', rule: 'is missing' }];
    throw new InstanceProblems(linesOf(file, [...problems, ...missing]));
  }
  const profile = `${FOLDER}/profiles/${stage}.yml`;
  const layers = [readDefaults(root), ...(existsSync(join(root, profile)) ? [readSettings(root, profile)] : [])];
  const instance = complete({ name, file, stage, root }, { inherited: layers.reduce(merge), own });
  // What the schema refused is left out of `own`, so it must not be reported a second time as missing.
  const near = (path: string, other: string) =>
    `${path}.`.startsWith(`${other}.`) || `${other}.`.startsWith(`${path}.`);
  const more = instance.problems.filter(({ path }) => !problems.some((other) => near(path, other.path)));
  if (problems.length + more.length > 0) throw new InstanceProblems(linesOf(file, [...problems, ...more]));
  return instance.instance;
}

/** What every instance has unless its profile or its file says otherwise. Throws InstanceProblems. */
export const readDefaults = (root = process.cwd()): InstanceFile =>
  readSettings(root, `${FOLDER}/profiles/default.yml`);

function readSettings(root: string, file: string): InstanceFile {
  const { settings, problems } = parseSettings(file, readFileSync(join(root, file), 'utf8'));
  if (problems.length > 0) throw new InstanceProblems(linesOf(file, problems));
  return settings;
}

/** The valid settings of a file, and the problems of the others. An empty file counts as an empty table. */
function parseSettings(file: string, text: string): { settings: InstanceFile; problems: Problem[] } {
  const value = parsedYaml(file, text);
  if (!isTable(value)) throw new InstanceProblems([`${file}: must be a table of settings`]);
  const parsed = instanceFile.safeParse(value);
  if (parsed.success) return { settings: parsed.data, problems: [] };
  const problems = parsed.error.issues.flatMap((issue) => problemsOf(issue, value));
  const valid = structuredClone(value);
  for (const { path } of problems) leaveOut(valid, path);
  const rest = instanceFile.safeParse(valid);
  return { settings: rest.success ? rest.data : {}, problems };
}

/** Removes the setting at a path. A list is left out whole. A name in the file may hold dots itself. */
function leaveOut(table: Record<string, unknown>, path: string): void {
  for (const [key, child] of Object.entries(table))
    if (path.startsWith(`${key}.`) && isTable(child)) leaveOut(child, path.slice(key.length + 1));
    else if (path === key || path.startsWith(`${key}.`)) delete table[key];
}

function parsedYaml(file: string, text: string): unknown {
  try {
    return parse(text, { prettyErrors: true }) ?? {};
  } catch (error) {
    const [rule = ''] = (error as Error).message.split('\n');
    throw new InstanceProblems([`${file}: is not valid YAML: ${rule.replace(/:$/, '')}`]);
  }
}

/** Settings of `over` replace those of `under`, table by table. Lists are replaced whole. */
function merge<T>(under: T, over: T): T {
  if (!isTable(under) || !isTable(over)) return over === undefined || over === null ? under : over;
  const keys = new Set([...Object.keys(under), ...Object.keys(over)]);
  return Object.fromEntries([...keys].map((key) => [key, merge(under[key], over[key])])) as T;
}

const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function complete(
  { name, file, stage, root }: { name: string; file: string; stage: Stage; root: string },
  { inherited, own }: { inherited: InstanceFile; own: InstanceFile },
): { instance: Instance; problems: Problem[] } {
  const settings = merge(inherited, own);
  const problems: Problem[] = [];
  const needed = (path: string, value = ''): string => {
    if (value === '') problems.push({ path, rule: 'is missing' });
    return value;
  };
  const knownNames = Object.keys(inherited.queues ?? {});
  // This machine runs every queue, and its file says only what differs.
  const used = stage === 'local' ? knownNames : Object.keys(own.queues ?? {});
  if (used.length === 0)
    problems.push({ path: 'queues', rule: `must name the queues in use: ${knownNames.join(', ')}` });
  for (const queue of used.filter((each) => !knownNames.includes(each)))
    problems.push({ path: `queues.${queue}`, rule: `is not a queue.${nearestText(queue, knownNames)}` });

  const waits = settings.waits?.retry ?? [];
  const known: Record<string, QueueRow> = {};
  for (const queue of knownNames) {
    const row = rowOf(queue, { settings, own });
    const mine = used.includes(queue);
    if ('problems' in row) problems.push(...(mine ? row.problems : []));
    else {
      known[queue] = row;
      if (mine) problems.push(...rowProblems(row, waits));
    }
  }
  if (stage !== 'local') needed('account', settings.account);
  const instance: Instance = {
    ...{ name, file, stage, settings, known },
    account: settings.account,
    region: needed('region', settings.region),
    bucket: needed('bucket', settings.bucket),
    prefix: settings.prefix ?? name,
    hashKey: needed('hashKey', settings.hashKey),
    retain: settings.retain ?? false,
    tags: settings.tags ?? {},
    rows: used.flatMap((queue) => known[queue] ?? []),
  };
  problems.push(
    ...settingProblems(instance, root).filter(({ path }) => !problems.some((other) => other.path === path)),
  );
  return { instance, problems };
}

/** A queue's row. What only a FIFO queue can have is not inherited by a queue that its file makes standard. */
function rowOf(
  queue: string,
  { settings, own }: { settings: InstanceFile; own: InstanceFile },
): QueueRow | { problems: Problem[] } {
  const standard = own.queues?.[queue]?.type === 'standard' ? { throughput: 'normal' } : {};
  const row = { ...settings.queues?.[queue], ...standard, ...own.queues?.[queue] };
  const value = {
    ...row,
    dlq: settings.queues?.[queue]?.dlq ?? {},
    env: settings.queues?.[queue]?.env,
    alarms: { ...settings.alarms, ...settings.queues?.[queue]?.alarms },
  };
  const parsed = rowSchema.safeParse(value);
  if (parsed.success) return { ...parsed.data, name: queue };
  const found = parsed.error.issues.flatMap((issue) => problemsOf(issue, value));
  return { problems: found.map(({ path, rule }) => ({ path: `queues.${queue}.${path}`, rule })) };
}

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
  const given = [param ?? []].flat().map((text) => text.split(/=(.*)/s));
  const hint = (key: string) => `${nearestText(key, ['instance'])} Settings are in instances/{name}.yml.`;
  const unknown = given.flatMap(([key = '']) =>
    key === 'instance' ? [] : [`--param ${key}: is not a parameter.${hint(key)}`],
  );
  if (unknown.length > 0) throw new InstanceProblems(unknown);
  if (given.length > 1) throw new InstanceProblems(['--param instance: must be given once']);
  const [[, named] = []] = given;
  if (named !== undefined) return named.trim();
  const [, meant] = Object.entries(instanceOfStage(root)).find(([name]) => name === (stage ?? 'local')) ?? [];
  if (meant !== undefined) return meant;
  throw new InstanceProblems([
    `stage ${stage} has no instance: use --stage staging or prod, or name a file of instances/ with --param instance=NAME (${instanceNames(root).join(', ')})`,
  ]);
}
