import type { AwsConfig, Environment, Serverless, Template } from '../../packages/cli/target';

export class ServerlessError extends Error {}

const ACCOUNT = '123456789012';

interface Given {
  commands?: string[];
  stage?: string;
  region?: string;
  /** The account of the instance's file. */
  own?: string;
  /** The account of the credentials. */
  account?: () => Promise<string>;
  arn?: string;
  hashKey?: string;
  environment?: Environment;
  functions?: Serverless['service']['functions'];
  template?: Template;
  config?: object;
}

/** The parts of Serverless Framework that the plugin uses, for the instance acme in production if nothing else is given. */
export const fakeServerless = (given: Given = {}): Serverless => {
  const { commands = [], stage = 'prod', region = 'eu-central-1', own = ACCOUNT, hashKey } = given;
  const { account = async () => ACCOUNT, arn = `arn:aws:iam::${ACCOUNT}:user/operator`, config = {} } = given;
  const { environment = { INSTANCE: 'acme' }, functions = {}, template = { Resources: {} } } = given;
  return {
    classes: { Error: ServerlessError },
    processedInput: { commands },
    pluginManager: { spawn: async () => {} },
    service: {
      provider: { environment, compiledCloudFormationTemplate: template },
      custom: { instance: { account: own, hashKey } },
      functions,
    },
    getProvider: () => ({
      getStage: () => stage,
      getRegion: () => region,
      getAccountInfo: async () => ({ accountId: await account(), arn }),
      naming: { getRoleLogicalId: () => 'IamRoleLambdaExecution' },
      getAwsSdkV3Config: async () => config as AwsConfig,
    }),
  };
};
