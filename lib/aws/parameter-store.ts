import { GetParameterCommand, SSMClient, type SSMClientConfig } from '@aws-sdk/client-ssm';
import { clientDefaults } from './clients';

/** Reads a parameter by its path, decrypted. */
export function parameterStore(config: SSMClientConfig): (path: string) => Promise<string | undefined> {
  const client = new SSMClient({ ...clientDefaults, ...config });
  return async (path) => {
    const { Parameter } = await client.send(new GetParameterCommand({ Name: path, WithDecryption: true }));
    return Parameter?.Value;
  };
}
