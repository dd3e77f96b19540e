import http from 'node:http';
import { realSecret } from '../../lib/aws/secrets';
import { secretsOf } from '../../lib/config/functions';
import { secret } from '../../lib/config/values';
import { close, listen } from '../../lib/local/loopback';
import type { Recorder } from './recorded-calls';
import type { CompiledTemplate } from './sls';

const VALUE = 'the value';

/** A function's secret: what its environment refers to. */
export interface OwnSecret {
  who: string;
  reference: string;
}

/** The references to secrets in the functions' environments of a compiled template. */
export function secretsIn({ Resources }: CompiledTemplate, functions: readonly string[]): OwnSecret[] {
  return functions.flatMap((who) => {
    const id = `${who.charAt(0).toUpperCase()}${who.slice(1)}LambdaFunction`;
    const { Variables = {} } = (Resources[id]?.Properties.Environment ?? {}) as { Variables?: Record<string, string> };
    return secretsOf(who).flatMap((name) => (Variables[name] ? [{ who, reference: Variables[name] }] : []));
  });
}

/** Reads secrets as the functions do, with their own credentials. Parameter Store and Secrets Manager are on loopback. */
export async function recordedSecrets(own: readonly OwnSecret[], recorder: Recorder): Promise<string[]> {
  const server = http.createServer((request, response) => {
    const parameter = String(request.headers['x-amz-target']).endsWith('.GetParameter');
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    response.end(JSON.stringify(parameter ? { Parameter: { Value: VALUE } } : { SecretString: VALUE }));
  });
  const url = await listen(server, 0);
  const environment = process.env;
  process.env = {
    ...environment,
    AWS_ENDPOINT_URL_SSM: await recorder.through('ssm', url),
    AWS_ENDPOINT_URL_SECRETS_MANAGER: await recorder.through('secretsmanager', url),
  };
  try {
    const read = own.map(({ who, reference }) =>
      realSecret(secret.parse(reference), {
        region: 'us-east-1',
        credentials: { accessKeyId: who, secretAccessKey: 'local' },
      })(),
    );
    return (await Promise.all(read)).filter((value) => value !== VALUE);
  } finally {
    process.env = environment;
    await close(server);
  }
}
