import { environmentSchemas } from '../config/functions';
import type { Instance } from '../instances/instance';
import { placeholders } from '../instances/placeholders';
import { linesOf, type Problem } from '../instances/problems';

/** The reasons why an instance cannot be deployed, a line each. Empty: it can be deployed. Asks nothing of AWS. */
export function deploymentProblems(instance: Instance, functions: string[]): string[] {
  if (instance.stage === 'local')
    return ['stage local is the service on this machine (npm start): deploy with --stage staging or prod'];
  return [
    ...linesOf(instance.file, placeholders(instance)),
    ...linesOf(instance.file, plainEndpoints(instance)),
    ...functions
      .filter((key) => !(key in environmentSchemas))
      .map((key) => `functions.${key}: its environment has no schema (lib/config/functions.ts)`),
  ];
}

/** Endpoints without TLS. A vendor's key would travel in the clear. */
const plainEndpoints = ({ settings }: Instance): Problem[] =>
  (['zendesk', 'sendgrid', 'appStoreConnect'] as const)
    .filter((vendor) => /^http:/i.test(settings[vendor]?.endpoint ?? ''))
    .map((vendor) => ({ path: `${vendor}.endpoint`, rule: 'must begin with https://' }));
