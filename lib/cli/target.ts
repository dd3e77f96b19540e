import { OperatorError } from '../ops/operator';
import type { Target } from '../target';
import type { Serverless } from './serverless';

/** The deployment of the `sls` call, with its AWS account. */
export interface NamedTarget extends Target {
  account: string;
}

/** The account of the service on this machine. */
const LOCAL_ACCOUNT = '000000000000';

/** The deployment that this `sls` call is about. Asks nothing of AWS. */
export function targetOf(serverless: Serverless): Target {
  const aws = serverless.getProvider('aws');
  return {
    instance: serverless.service.provider.environment?.INSTANCE ?? '',
    stage: aws.getStage(),
    region: aws.getRegion(),
  };
}

/**
 * The same with its account. Asks STS for it, unless the stage is `local`. Rejects with an OperatorError if STS does not
 * answer.
 */
export async function namedTargetOf(serverless: Serverless): Promise<NamedTarget> {
  const target = targetOf(serverless);
  return { ...target, account: target.stage === 'local' ? LOCAL_ACCOUNT : await accountOf(serverless) };
}

async function accountOf(serverless: Serverless): Promise<string> {
  try {
    return await serverless.getProvider('aws').getAccountId();
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new OperatorError(`The AWS account of these credentials is unknown: ${why}`);
  }
}

/** The first line of every command, on standard error. */
export const targetText = ({ instance, stage, account, region }: NamedTarget): string =>
  stage === 'local'
    ? `${instance} · stage local · the service on this machine`
    : `${instance} · stage ${stage} · account ${account} · ${region}`;
