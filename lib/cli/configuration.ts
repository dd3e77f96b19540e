import { environmentSchemas } from '../config';
import type { Instance } from '../instances/instance';
import { oldSettingProblems } from '../instances/old-settings';
import { overlaps } from '../instances/overlaps';
import { placeholders } from '../instances/placeholders';
import { linesOf } from '../instances/problems';

/** The reasons why an instance cannot be deployed, a line each. Empty: it can be deployed. Asks nothing of AWS. */
export function deploymentProblems(instance: Instance, functions: string[], root = process.cwd()): string[] {
  if (instance.stage === 'local')
    return ['stage local is the service on this machine (npm start): deploy with --stage staging or prod'];
  return [
    ...oldSettingProblems(instance, root),
    ...linesOf(instance.file, placeholders(instance)),
    ...overlaps(instance, root),
    ...functions
      .filter((key) => !(key in environmentSchemas))
      .map((key) => `functions.${key}: its environment has no schema (lib/config.ts)`),
  ];
}
