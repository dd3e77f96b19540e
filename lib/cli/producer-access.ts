import { findService, NOT_RUNNING } from '../local/connection';
import { awsVariables } from '../local/endpoints';
import { OperatorError } from '../ops/operator';
import type { Serverless } from './serverless';
import { namedTargetOf } from './target';

/** What a producer needs to reach a deployment. */
export interface ProducerAccess {
  /** The text of the SSM parameter. */
  settings: string;
  /** The variables of the AWS SDK that lead to the service on this machine. Empty for a stage on AWS. */
  aws: Record<string, string>;
}

/**
 * Reads the settings from the same part of the template that the stack deploys. Rejects with an OperatorError if the
 * stage is local and its service does not run.
 */
export const producerAccess = (serverless: Serverless) => async (): Promise<ProducerAccess> => {
  const { stage, account } = await namedTargetOf(serverless);
  const parameter = serverless.service.resources?.Resources.ProducerParameter?.Properties;
  const { Value } = parameter as { Value: { 'Fn::Sub': string } };
  const settings = Value['Fn::Sub'].replaceAll(`\${AWS::AccountId}`, account);
  if (stage !== 'local') return { settings, aws: {} };
  const service = await findService();
  if (!service) throw new OperatorError(NOT_RUNNING);
  return { settings, aws: awsVariables(service.endpoints, service.region) };
};
