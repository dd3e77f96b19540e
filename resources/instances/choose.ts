import type { Instance } from './instance';
import { InstanceProblems, nearestText } from './problems';
import { instanceNames, instanceOfStage, readInstance } from './read';

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
  const unknown = given.filter(([key]) => key !== 'instance');
  if (unknown.length > 0)
    throw new InstanceProblems(
      unknown.map(
        ([key = '']) =>
          `--param ${key}: is not a parameter.${nearestText(key, ['instance'])} Settings are in instances/{name}.yml.`,
      ),
    );
  if (given.length > 1) throw new InstanceProblems(['--param instance: must be given once']);
  const [[, named] = []] = given;
  if (named !== undefined) return named.trim();
  const [, meant] = Object.entries(instanceOfStage(root)).find(([name]) => name === (stage ?? 'local')) ?? [];
  if (meant !== undefined) return meant;
  throw new InstanceProblems([
    `stage ${stage} has no instance: use --stage staging or prod, or name a file of instances/ with --param instance=NAME (${instanceNames(root).join(', ')})`,
  ]);
}
