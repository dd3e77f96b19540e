import { linesOf, type Problem } from '../instances/problems';
import { fileOf } from '../instances/read';
import { OperatorError } from '../ops/operator';
import type { Target } from '../target';
import type { Serverless } from './serverless';

/** The deployment of the `sls` call, with its AWS account. */
export interface NamedTarget extends Target {
  account: string;
}

/** The account of the service on this machine. */
export const LOCAL_ACCOUNT = '000000000000';

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

/** A rule of an instance's file: the credentials are of another account than its own. */
export const wrongAccount = (own: string | undefined, account: string): Problem[] =>
  account === own ? [] : [{ path: 'account', rule: `is ${own}, but the credentials are of ${account}` }];

/** Rejects credentials of another account than the one that the instance's file names. Throws an OperatorError. */
export function requireOwnAccount({ instance, stage, account }: NamedTarget, { service }: Serverless): void {
  const own = service.custom?.instance?.account;
  const problems = stage === 'local' ? [] : wrongAccount(own, account);
  if (problems.length > 0) throw new OperatorError(linesOf(fileOf(instance), problems).join('\n'));
}

async function accountOf(serverless: Serverless): Promise<string> {
  try {
    return await serverless.getProvider('aws').getAccountId();
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new OperatorError(`The AWS account of these credentials is unknown: ${why}`);
  }
}

/** Who runs the command: the ARN of the credentials. The service on this machine knows no users. */
export const callerOf = async (serverless: Serverless): Promise<string> =>
  targetOf(serverless).stage === 'local' ? 'this machine' : (await serverless.getProvider('aws').getAccountInfo()).arn;

/** The first line of every command, on standard error. */
export const targetText = ({ instance, stage, account, region }: NamedTarget): string =>
  stage === 'local'
    ? `${instance} · stage local · the service on this machine`
    : `${instance} · stage ${stage} · account ${account} · ${region}`;
