import { dlqName, functionName, queueName, tableName, undeliveredName } from '../jobs/keys';
import { functionsOf } from './functions';
import type { Instance } from './instance';
import { instanceNames, readInstance } from './read';

const folderOf = ({ bucket, prefix }: Instance): string => `${bucket}/${prefix}`;

/** Why an instance shares ground with another one, a line each. */
export function overlaps(instance: Instance, root = process.cwd()): string[] {
  const others = instanceNames(root)
    .filter((name) => name !== instance.name)
    .map((name) => readInstance(name, root));
  return others.flatMap((other) => [...folderProblems(instance, other), ...nameProblems(instance, other)]);
}

/** The names of an instance's table, queues and functions. */
const resourceNames = (instance: Instance): string[] => [
  tableName(instance.name),
  undeliveredName(instance.name),
  ...functionsOf(instance).map((key) => functionName(instance.name, key)),
  ...instance.rows.flatMap(({ name }) => [
    queueName(instance.name, name, 'standard'),
    dlqName(instance.name, name, 'standard'),
  ]),
];

/** One folder holds personal data and analytics, so it has one owner unless both files say that it is shared. */
function folderProblems(one: Instance, other: Instance): string[] {
  const [mine, theirs] = [folderOf(one), folderOf(other)];
  if (mine !== theirs && !mine.startsWith(`${theirs}/`) && !theirs.startsWith(`${mine}/`)) return [];
  const agreed = one.sharedWith.includes(other.name) && other.sharedWith.includes(one.name);
  if (mine === theirs && agreed && one.compacts !== other.compacts) return [];
  const both = `${one.file} and ${other.file}`;
  if (mine === theirs && agreed)
    return [`${both}: exactly one of the instances that share ${mine} must say shared.compacts: true`];
  return [
    `${both}: both use the folder ${mine} of the bucket. Give one another prefix, and move its objects there while no job waits (docs/white-label.md). Or say in both files that it is shared: shared.with and shared.compacts`,
  ];
}

/** `acme` with a queue `x-y` and `acme-x` with a queue `y` would name the same queue and the same function. */
function nameProblems(one: Instance, other: Instance): string[] {
  const both = `${one.file} and ${other.file}`;
  const theirs = new Set(resourceNames(other));
  const shared = resourceNames(one).filter((name) => theirs.has(name));
  return shared.map((name) => `${both}: both would name a resource ${name}. Rename one instance`);
}
