import { verifySource } from '../../ops/verify-source';
import { verify } from '../../verify/verify';
import { localClients } from '../clients';
import { REGION } from '../cloud';
import type { Service } from '../service';

const HOUR_MS = 3_600_000;

/** What `sls verify` finds in all that a service on this machine has stored in the last hours. */
export async function verified({ config, endpoints, zendesk }: Service): Promise<string[]> {
  const clients = localClients({ endpoints, region: REGION });
  const source = verifySource(config, {
    ...clients,
    zendesk: { endpoint: zendesk.url, authorization: zendesk.authorization },
  });
  const now = Date.now();
  try {
    const { findings } = await verify(source, { from: now - 2 * HOUR_MS, to: now });
    return findings.map(({ kind, id, what }) => `${kind} of ${id}: ${what}`);
  } finally {
    for (const one of Object.values(clients)) one.destroy();
  }
}
