import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { clientDefaults } from './clients';

/** Reads a parameter by its path, decrypted. */
export function parameterStore(): (path: string) => Promise<string | undefined> {
  const client = new SSMClient(clientDefaults);
  return async (path) => {
    const { Parameter } = await client.send(new GetParameterCommand({ Name: path, WithDecryption: true }));
    return Parameter?.Value;
  };
}
