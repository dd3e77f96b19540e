import type { AwsConfig, Environment, Serverless, Template } from '../../packages/cli/target';

export class ServerlessError extends Error {}

const ACCOUNT = '123456789012';

/** The instance acme in production. `own`: the account of the instance's file. `account`: that of the credentials. */
const acme = () => ({
  commands: [] as string[],
  stage: 'prod',
  region: 'eu-central-1',
  own: ACCOUNT,
  account: async () => ACCOUNT,
  arn: `arn:aws:iam::${ACCOUNT}:user/operator`,
  hashKey: undefined as string | undefined,
  environment: { INSTANCE: 'acme' } as Environment,
  functions: {} as Serverless['service']['functions'],
  template: { Resources: {} } as Template,
  config: {} as AwsConfig,
});

/** The parts of Serverless Framework that the plugin uses, for the instance acme in production if nothing else is given. */
export function fakeServerless(given: Partial<ReturnType<typeof acme>> = {}): Serverless {
  const { commands, stage, region, own, account, arn, hashKey, ...service } = { ...acme(), ...given };
  return {
    classes: { Error: ServerlessError },
    processedInput: { commands },
    pluginManager: { spawn: async () => {} },
    service: {
      provider: { environment: service.environment, compiledCloudFormationTemplate: service.template },
      custom: { instance: { account: own, hashKey } },
      functions: service.functions,
    },
    getProvider: () => ({
      getStage: () => stage,
      getRegion: () => region,
      getAccountInfo: async () => ({ accountId: await account(), arn }),
      naming: { getRoleLogicalId: () => 'IamRoleLambdaExecution' },
      getAwsSdkV3Config: async () => service.config,
    }),
  };
}
