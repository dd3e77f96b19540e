import {
  GetSecretValueCommand,
  SecretsManagerClient,
  type SecretsManagerClientConfig,
} from '@aws-sdk/client-secrets-manager';
import { clientDefaults } from './clients';

/** Reads a secret by its name or ARN. */
export function secretsManager(
  config: SecretsManagerClientConfig,
): (id: string) => Promise<string | Uint8Array | undefined> {
  const client = new SecretsManagerClient({ ...clientDefaults, ...config });
  return async (id) => {
    const { SecretBinary, SecretString } = await client.send(new GetSecretValueCommand({ SecretId: id }));
    return SecretString ?? SecretBinary;
  };
}
