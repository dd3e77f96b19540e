import { awsErrorName } from '../aws/store-error';
import { OperatorError } from '../ops/operator';
import { LONGEST_DAYS } from '../ops/search';
import { repair } from '../ops/verify';
import { counted } from '../text';
import type { Finding } from '../verify/check';
import { LookUpError } from '../verify/read';
import { verify } from '../verify/verify';
import type { Run } from './command';
import { hour } from './options';
import { tableText } from './text';

const DAY_MS = 86_400_000;
/** Exit code if there are findings. */
const BROKEN = 2;

/** The code of `sls verify`. The checker itself shares no code with the service. */
export const verifyRuns = {
  verify: async ({ options, out, source, operator, audited }) => {
    const now = Date.now();
    const to = Math.min(hour(options, 'to') ?? now, now);
    const from = hour(options, 'from') ?? to - DAY_MS;
    if (from >= to) throw new OperatorError('--from must be in the past and before --to.');
    if (from < now - LONGEST_DAYS * DAY_MS)
      throw new OperatorError(`--from must be at most ${LONGEST_DAYS} days ago. Rows of older jobs are deleted.`);
    const stores = await source();
    const { findings, hidden } = await verify(stores, { from, to }).catch((error: unknown) => {
      const name = awsErrorName(error);
      const why = error instanceof LookUpError ? error.message : name && `A call of AWS failed: ${name}`;
      throw why === undefined ? error : new OperatorError(`${why}. Nothing was verified.`);
    });
    const repaired = new Set<Finding>();
    if (options.repair === true && findings.length > 0) {
      const deps = await operator();
      await audited();
      for (const finding of await repair(deps, { findings, hidden })) repaired.add(finding);
    }
    if (options.json) out.json({ findings: findings.map((one) => ({ ...one, repaired: repaired.has(one) })), hidden });
    else out.lines(lines(findings, repaired));
    for (const queue of hidden)
      out.note(`${queue}: Another reader hides DLQ entries, so its entries were not compared.`);
    if (!stores.zendesk) out.note('Zendesk was not asked for tickets: set ZENDESK_LOOKUP_TOKEN to an API token.');
    if (repaired.size > 0) out.note('The reconciler completes the repairs within minutes. Then verify again.');
    if (findings.length > repaired.size) out.exitCode(BROKEN);
  },
} satisfies Record<string, Run>;

function lines(findings: readonly Finding[], repaired: ReadonlySet<Finding>): string[] {
  if (findings.length === 0) return ['No findings.'];
  const cells = findings.map((one) => [one.kind, one.id, one.what, repaired.has(one) ? 'repaired' : '']);
  return [...tableText(['FINDING', 'ID', 'WHAT', ''], cells), `${counted(findings.length, 'finding')}.`];
}
