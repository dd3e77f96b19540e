import { OperatorError } from '../../lib/ops/operator';
import { LONGEST_DAYS } from '../../lib/ops/search';
import { counted } from '../../lib/text';
import { type Command, HOURS, JSON_OUTPUT } from './command';
import { hour } from './options';
import { tableText } from './text';

const DAY_MS = 86_400_000;
const BROKEN = 2;

/** The code of `sls verify`. The checker itself shares no code with the service. */
export const verifying = {
  verify: {
    usage: "Check stored data against the service's guarantees. Exits with 2 if it finds violations",
    writes: 'repair',
    options: {
      ...HOURS,
      from: { usage: 'First hour (UTC), like 2026-01-02T03. Default: a day ago. At most 90 days ago', type: 'string' },
      repair: { usage: 'Write missing records and DLQ entries again', type: 'boolean' },
      json: JSON_OUTPUT,
    },
    run: async ({ options, out, connect, audited }) => {
      const now = Date.now();
      const to = Math.min(hour(options, 'to') ?? now, now);
      const from = hour(options, 'from') ?? to - DAY_MS;
      if (from >= to) throw new OperatorError('--from must be in the past and before --to.');
      if (from < now - LONGEST_DAYS * DAY_MS)
        throw new OperatorError(`--from must be at most ${LONGEST_DAYS} days ago. Rows of older jobs are deleted.`);
      const deps = await connect();
      const { repair, verified } = require('../verify/instance') as typeof import('../verify/instance');
      const { findings, hidden } = await verified(deps.source, { from, to });
      const asked = options.repair === true && findings.length > 0;
      if (asked) await audited();
      const repaired = new Set(asked ? await repair(deps, { findings, hidden }) : []);
      if (options.json)
        out.json({ findings: findings.map((one) => ({ ...one, repaired: repaired.has(one) })), hidden });
      else if (findings.length === 0) out.line('No findings.');
      else {
        const cells = findings.map((one) => [one.kind, one.id, one.what, repaired.has(one) ? 'repaired' : '']);
        out.lines([...tableText(['FINDING', 'ID', 'WHAT', ''], cells), `${counted(findings.length, 'finding')}.`]);
      }
      for (const queue of hidden)
        out.note(`${queue}: Another reader hides DLQ entries, so its entries were not compared.`);
      if (!deps.source.zendesk)
        out.note('Zendesk was not asked for tickets: set ZENDESK_LOOKUP_TOKEN to an API token.');
      if (repaired.size > 0) out.note('The reconciler completes the repairs within minutes. Then verify again.');
      if (findings.length > repaired.size) out.exitCode(BROKEN);
    },
  },
} satisfies Record<string, Command>;
