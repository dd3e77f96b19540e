import { resolveStep } from '../ops/act';
import { JOB_ACTS, type JobAct } from '../ops/job-acts';
import { jobView, OperatorError, stateOf } from '../ops/operator';
import { replace } from '../ops/replace';
import { findJob } from '../ops/search';
import { actOnMany, isMany } from './act-on-many';
import type { Run } from './command';
import { DEFAULT_LIMIT } from './commands';

import { jobPage } from './job-text';
import { listFound } from './jobs-list';
import { count, oneOf, queue, readJson, required, text } from './options';

export const jobsRuns = {
  'jobs list': async ({ options, out, reader }) => {
    const limit = count(options, 'limit', DEFAULT_LIMIT);
    return listFound(options, out, await reader(), limit);
  },

  'jobs show': async ({ options, out, reader }) => {
    const from = await reader();
    const row = await findJob(from, required(options, 'id'), queue(options, from));
    if (options.json) out.json(jobView(row, from.prefix));
    else out.lines(jobPage(row, from.prefix));
  },

  'jobs retry': async (context) => {
    const { options, out, operator, audited } = context;
    const data = text(options, 'data');
    if (data === undefined) return act('retry')(context);
    const deps = await operator();
    const row = await findJob(deps, required(options, 'id'), queue(options, deps));
    const json = await readJson(data);
    const { id } = await replace({ ...deps, audit: await audited() }, row, json);
    out.line(`${row.queue} ${row.id}: was ${stateOf(row)}, sent again with other data as ${id}.`);
  },

  'jobs cancel': act('cancel'),
  'jobs discard': act('discard'),

  'jobs settle': async ({ options, out, operator, audited }) => {
    const as = oneOf(options, 'as', ['done', 'skipped']);
    if (as === undefined) throw new OperatorError('--as must be done or skipped.');
    const deps = await operator();
    const row = await findJob(deps, required(options, 'id'), queue(options, deps));
    const step = text(options, 'step') ?? '';
    const resolved = await resolveStep({ ...deps, audit: await audited() }, { row, step, as });
    out.line(`${row.queue} ${row.id}: ${step} is ${as}, the job is ${stateOf(resolved)}.`);
  },
} satisfies Record<string, Run>;

/** A command that does the same to one job, or to all that a filter finds. */
function act(action: JobAct): Run {
  return async (context) => {
    const { options, out, operator, audited } = context;
    if (isMany(options)) return actOnMany(context, action);
    const deps = await operator();
    const row = await findJob(deps, required(options, 'id'), queue(options, deps));
    out.line(`${row.queue} ${row.id}: ${await JOB_ACTS[action]({ ...deps, audit: await audited() }, row)}`);
  };
}
