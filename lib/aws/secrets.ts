import {
  GetSecretValueCommand,
  SecretsManagerClient,
  type SecretsManagerClientConfig,
} from '@aws-sdk/client-secrets-manager';
import { GetParameterCommand, SSMClient, type SSMClientConfig } from '@aws-sdk/client-ssm';
import type { SecretReference } from '../config/values';
import { StoreError } from '../errors';
import type { Secret } from '../ports';
import { clientDefaults } from './clients';
import { guarded } from './store-error';

/** How to reach AWS, if not as a function does. */
type Config = Pick<SSMClientConfig & SecretsManagerClientConfig, 'region' | 'credentials'>;

/**
 * A secret by its reference: `ssm:/path` (Parameter Store, decrypted), `secretsmanager:name`, or the secret itself.
 * Fetches a reference once per cold start, and again for `fresh` or after a failed fetch. Rejects with a StoreError.
 */
export function realSecret(reference: SecretReference, config: Config = {}): Secret {
  const fetch = fetchOf(reference, config);
  if (!fetch) return async () => reference;

  let known: Promise<string> | undefined;
  let fetching = false;
  const start = (): Promise<string> => {
    fetching = true;
    const attempt = fetch().finally(() => {
      fetching = false;
    });
    attempt.catch(() => {
      if (known === attempt) known = undefined;
    });
    known = attempt;
    return attempt;
  };

  return ({ fresh = false } = {}) => {
    // Jobs that run side by side get the same 401, and one fetch serves all of them.
    if (known && (!fresh || fetching)) return known;
    return start();
  };
}

function fetchOf(reference: string, config: Config): (() => Promise<string>) | undefined {
  const [, kind, name] = /^(ssm|secretsmanager):(.+)$/s.exec(reference) ?? [];
  if (!kind || !name) return undefined;
  const { service, operation, load } =
    kind === 'ssm'
      ? ({ service: 'SSM', operation: 'GetParameter', load: parameterStore } as const)
      : ({ service: 'SecretsManager', operation: 'GetSecretValue', load: secretsManager } as const);
  return async () => {
    const value = await guarded({ service, operation, call: () => load(name, config) });
    if (!value) throw new StoreError({ code: 'SecretMissing', message: `there is no value at ${reference}` });
    return typeof value === 'string' ? value : new TextDecoder().decode(value);
  };
}

async function parameterStore(path: string, config: Config): Promise<string | undefined> {
  const client = new SSMClient({ ...clientDefaults, ...config });
  const { Parameter } = await client.send(new GetParameterCommand({ Name: path, WithDecryption: true }));
  return Parameter?.Value;
}

async function secretsManager(id: string, config: Config): Promise<string | Uint8Array | undefined> {
  const client = new SecretsManagerClient({ ...clientDefaults, ...config });
  const { SecretBinary, SecretString } = await client.send(new GetSecretValueCommand({ SecretId: id }));
  return SecretString ?? SecretBinary;
}
