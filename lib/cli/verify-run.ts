import { awsErrorName } from '../aws/store-error';
import { OperatorError } from '../ops/operator';
import { LONGEST_DAYS } from '../ops/search';
import { counted } from '../text';
import { LookUpError } from '../verify/read';
import { verify } from '../verify/verify';
import type { Run } from './command';
import { hour } from './options';
import { tableText } from './text';

const DAY_MS = 86_400_000;
/** Exit code if there are findings. */
const BROKEN = 2;

/** The code of `sls verify`. The checker itself shares no code with the service. */
export const verifyRun: Run = async ({ options, out, source }) => {
  const now = Date.now();
  const to = Math.min(hour(options, 'to') ?? now, now);
  const from = hour(options, 'from') ?? to - DAY_MS;
  if (from >= to) throw new OperatorError('--from must be in the past and before --to.');
  if (from < now - LONGEST_DAYS * DAY_MS)
    throw new OperatorError(`--from must be at most ${LONGEST_DAYS} days ago. Rows of older jobs are deleted.`);
  const stores = await source();
  const found = await verify(stores, { from, to }).catch((error: unknown) => {
    const name = awsErrorName(error);
    const why = error instanceof LookUpError ? error.message : name && `A call of AWS failed: ${name}`;
    throw why === undefined ? error : new OperatorError(`${why}. Nothing was verified.`);
  });
  if (options.json) out.json({ findings: found });
  else if (found.length === 0) out.line('No findings.');
  else
    for (const line of tableText(
      ['FINDING', 'ID', 'WHAT'],
      found.map(({ kind, id, what }) => [kind, id, what]),
    ))
      out.line(line);
  if (!stores.zendesk) out.note('Zendesk was not asked for tickets: set ZENDESK_LOOKUP_TOKEN to an API token.');
  if (found.length > 0) {
    out.note(`${counted(found.length, 'finding')}.`);
    out.exitCode(BROKEN);
  }
};
