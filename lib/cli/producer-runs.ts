import { chosenInstance } from '../instances/choose';
import { producerSettingsOf } from '../instances/producer';
import { findService, NOT_RUNNING } from '../local/connection';
import { awsVariables } from '../local/endpoints';
import { OperatorError } from '../ops/operator';
import type { Run } from './command';
import { namedTargetOf } from './target';

/** The code of `sls producer …`. */
export const producerRuns = {
  'producer env': async ({ options, out, serverless }) => {
    const { instance, stage, region, account } = await namedTargetOf(serverless);
    const settings = JSON.stringify(producerSettingsOf(chosenInstance(options), account));
    const aws = stage === 'local' ? await localVariables() : {};
    for (const line of variableLines({
      JOBS_INSTANCE: instance,
      AWS_REGION: region,
      JOBS_SETTINGS: settings,
      ...aws,
    }))
      out.line(line);
  },
} satisfies Record<string, Run>;

/** The variables of the AWS SDK that lead to the service on this machine. */
async function localVariables(): Promise<Record<string, string>> {
  const service = await findService();
  if (!service) throw new OperatorError(NOT_RUNNING);
  return awsVariables(service.endpoints, service.region);
}

/** For a shell or a file of variables. A quote, which the bucket's prefix may have, would end the value. */
export const variableLines = (variables: Record<string, string>): string[] =>
  Object.entries(variables).map(([name, value]) => `${name}='${value.replaceAll("'", '\\u0027')}'`);
