import { bulkOf, lastBulks, stopBulk } from '../ops/bulk';
import { OperatorError } from '../ops/operator';
import { timeText } from '../text';
import { go, resultText } from './act-on-many';
import type { Run } from './command';
import { DEFAULT_LIMIT } from './commands';
import { count, required } from './options';
import { tableText } from './text';

/** The code of `sls bulk …`. */
export const bulkRuns = {
  'bulk list': async ({ options, out, reader }) => {
    const found = await lastBulks(await reader(), count(options, 'limit', DEFAULT_LIMIT));
    if (options.json) return out.json({ bulk: found });
    if (found.length === 0) return out.line('No bulk actions.');
    const cells = found.map(({ id, action, status, next, total, refused, perSecond, at }) => [
      ...[id, action, status, `${next} of ${total}`, String(refused || '')],
      ...[`${perSecond}/s`, timeText(at)],
    ]);
    const head = ['ID', 'ACTION', 'STATUS', 'LOOKED AT', 'REFUSED', 'RATE', 'MADE (UTC)'];
    for (const line of tableText(head, cells)) out.line(line);
  },

  'bulk stop': async ({ options, out, operator, audited }) => {
    const deps = await operator();
    await bulkOf(deps, required(options, 'id'));
    await audited();
    out.line(resultText(await stopBulk(deps, required(options, 'id'))));
  },

  'bulk continue': async (context) => {
    const bulk = await bulkOf(await context.reader(), required(context.options, 'id'));
    if (bulk.status === 'done') throw new OperatorError(`This bulk action is done: ${resultText(bulk)}`);
    await go(context, bulk);
  },
} satisfies Record<string, Run>;
