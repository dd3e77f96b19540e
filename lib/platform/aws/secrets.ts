import {
  GetSecretValueCommand,
  SecretsManagerClient,
  type SecretsManagerClientConfig,
} from '@aws-sdk/client-secrets-manager';
import { GetParameterCommand, SSMClient, type SSMClientConfig } from '@aws-sdk/client-ssm';
import type { SecretReference } from '../config/functions';
import { StoreError } from '../errors';
import type { Secret } from '../ports';
import { secretIn } from '../text';
import { clientDefaults, guarded } from './clients';

/** How to reach AWS, if not as a function does. */
type Config = Pick<SSMClientConfig & SecretsManagerClientConfig, 'region' | 'credentials'>;

/**
 * A secret by its reference: `ssm:/path` (Parameter Store, decrypted), `secretsmanager:name`, or `secretsmanager:name#key`
 * for one value of a JSON secret. Or it is the secret itself.
 * Fetches a reference once per cold start, and again for `fresh` or after a failed fetch. Rejects with a StoreError.
 */
export function realSecret(reference: SecretReference, config: Config = {}): Secret {
  const [, kind, name, key] = /^(ssm|secretsmanager):([^#]+)(?:#(.+))?$/s.exec(reference) ?? [];
  if (!kind || !name) return async () => reference;

  const fetch = async () => {
    const value = await (kind === 'ssm' ? parameterStore : secretsManager)(name, config);
    const text = secretIn(typeof value === 'string' ? value : new TextDecoder().decode(value), key);
    if (text) return text;
    throw new StoreError(
      text === undefined
        ? { code: 'SecretUnclear', message: `${reference} names no text: JSON with several values needs a #key` }
        : { code: 'SecretMissing', message: `there is no value at ${reference}` },
    );
  };
  let known: Promise<string> | undefined;
  let fetching = false;
  return async ({ fresh = false } = {}) => {
    // Jobs that run side by side get the same 401, and one fetch serves all of them.
    if (known && (!fresh || fetching)) return known;
    fetching = true;
    known = fetch();
    try {
      return await known;
    } catch (error) {
      known = undefined;
      throw error;
    } finally {
      fetching = false;
    }
  };
}

async function parameterStore(path: string, config: Config): Promise<string | undefined> {
  const client = new SSMClient({ ...clientDefaults, ...config });
  const asked = new GetParameterCommand({ Name: path, WithDecryption: true });
  const { Parameter } = await guarded('SSM')('GetParameter', () => client.send(asked));
  return Parameter?.Value;
}

async function secretsManager(id: string, config: Config): Promise<string | Uint8Array | undefined> {
  const client = new SecretsManagerClient({ ...clientDefaults, ...config });
  const asked = new GetSecretValueCommand({ SecretId: id });
  const answer = await guarded('SecretsManager')('GetSecretValue', () => client.send(asked));
  return answer.SecretString ?? answer.SecretBinary;
}
