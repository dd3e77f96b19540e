import { OperatorError } from '../ops/operator';
import { basicAuthorization } from '../vendors/credentials';
import type { Source } from '../verify/read';
import type { Environment } from './serverless';

/**
 * Where `sls verify` looks for tickets: the Zendesk of the deployment's feedback worker. `token`: an operator's own, because
 * the worker's may be a reference that only the worker can read. `undefined`: Zendesk is not asked.
 */
export function zendeskLookup(environment: Environment | undefined, token: string | undefined): Source['zendesk'] {
  const { ZENDESK_ENDPOINT: endpoint, ZENDESK_EMAIL: email } = environment ?? {};
  if (!endpoint || !email || !token) return undefined;
  if (!/^https:/i.test(endpoint)) throw new OperatorError('zendesk.endpoint: must begin with https://');
  return { endpoint, authorization: basicAuthorization(email, token) };
}
