import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { clientDefaults } from './clients';

/** Reads a secret by its name or ARN. */
export function secretsManager(): (id: string) => Promise<string | Uint8Array | undefined> {
  const client = new SecretsManagerClient(clientDefaults);
  return async (id) => {
    const { SecretBinary, SecretString } = await client.send(new GetSecretValueCommand({ SecretId: id }));
    return SecretString ?? SecretBinary;
  };
}
