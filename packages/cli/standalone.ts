import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { functionsOf, type Instance } from '../../resources/instances/instance';
import { valueAt } from '../../resources/instances/rules';
import { valuesOf } from '../../resources/values';
import type { AwsConfig, Environment, Serverless } from './target';

/**
 * What our commands need of Serverless, out of the same files: serverless.yml, functions/ and the instance. It has no
 * template, and deploys nothing.
 */
export function serverlessOf(instance: Instance, commands: string[]): Serverless {
  const { stage, region } = instance;
  const values = valuesOf(instance);
  const environmentIn = (file: string, of: (content: Declared) => Environment | undefined) =>
    environmentOf(of(parse(readFileSync(file, 'utf8'), { logLevel: 'silent' }) as Declared), values);
  const functions = functionsOf(instance).map((key) => [
    key,
    {
      // Most commands need those of one or two functions.
      get environment() {
        return environmentIn(`functions/${fileName(key)}.yml`, ({ environment }) => environment);
      },
    },
  ]);
  const config: AwsConfig = { region };
  return {
    classes: { Error },
    processedInput: { commands },
    pluginManager: { spawn: () => Promise.reject(new Error('Only Serverless runs other commands')) },
    service: {
      provider: {
        environment: environmentIn('serverless.yml', ({ provider }) => provider.environment),
        compiledCloudFormationTemplate: { Resources: {} },
      },
      custom: { instance: { account: instance.account, hashKey: instance.hashKey } },
      functions: Object.fromEntries(functions),
    },
    getProvider: () => ({
      getStage: () => stage,
      getRegion: () => region,
      getAccountInfo: () => callerOf(config),
      naming: { getRoleLogicalId: () => 'IamRoleLambdaExecution' },
      // Without credentials in it, each client looks for them where the AWS CLI does.
      getAwsSdkV3Config: async () => config,
    }),
  };
}

interface Declared {
  provider: { environment: Environment };
  environment?: Environment;
}

const fileName = (key: string): string => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

async function callerOf(config: AwsConfig): Promise<{ accountId: string; arn: string }> {
  const { GetCallerIdentityCommand, STSClient } =
    require('@aws-sdk/client-sts') as typeof import('@aws-sdk/client-sts');
  const { Account = '', Arn = '' } = await new STSClient(config).send(new GetCallerIdentityCommand({}));
  return { accountId: Account, arn: Arn };
}

const SETTING = /\$\{self:custom\.instance\.([\w.]+)(?:, null)?\}/g;

/** Variables with their settings in place. One whose setting is left out is left out, too. */
export function environmentOf(declared: Environment | undefined, values: object): Environment {
  const settingOf = (path = ''): unknown => valueAt(values, path) ?? null;
  const textOf = (text: string): string | undefined => {
    const [[whole, path] = []] = text.matchAll(SETTING);
    if (whole === text && settingOf(path) === null) return undefined;
    return text.replaceAll(SETTING, (_all, at: string) => String(settingOf(at)));
  };
  const all = Object.entries(declared ?? {}).flatMap(([name, text]) => {
    const value = textOf(String(text));
    if (value?.includes('${self:')) throw new Error(`${name}: ${value} is not a setting`);
    return value === undefined ? [] : [[name, value]];
  });
  return Object.fromEntries(all);
}
