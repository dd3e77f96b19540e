import * as z from 'zod';
import { ruleInWords } from '../../../lib/platform/rule-words';
import { jsonOf } from '../../../lib/platform/text';
import { QUEUES } from '../queues/queues';
import type { SourceChange } from './bundle';
import { aPlan, type Load, type Plan, planSchema } from './plan';

const changesSchema = z
  .array(z.strictObject({ file: z.string(), find: z.string().min(1), replace: z.string() }))
  .min(1);

/** The plan of a JSON file, which has only what differs from `aPlan`. Throws an error that names each wrong field. */
export function planOf(text: string): Plan {
  const plan = parsed(planSchema, aPlan(parsed(z.looseObject({}), jsonIn(text))));
  const wrong = [
    ...loadProblems(plan, ''),
    ...plan.beside.flatMap((load, index) => loadProblems(load, `beside.${index}.`)),
  ];
  if (wrong.length > 0) throw new Error(wrong.join('\n'));
  return plan;
}

function loadProblems({ queue, jobs }: Load, where: string): string[] {
  const found = QUEUES.find(({ name }) => name === queue);
  if (!found) return [`${where}queue: must be one of ${QUEUES.map(({ name }) => name).join(', ')}`];
  return jobs.flatMap(({ kind }, index) =>
    found.kinds.includes(kind) ? [] : [`${where}jobs.${index}.kind: ${queue} has only ${found.kinds.join(', ')}`],
  );
}

/** The changes of a file: a unified diff of existing files, or JSON as mutants have it. */
export function changesOf(text: string): readonly SourceChange[] {
  if (/^\s*\[/.test(text)) return parsed(changesSchema, jsonIn(text));
  const changes: SourceChange[] = [];
  let file: string | undefined;
  for (const line of text.split('\n')) {
    if (line.startsWith('+++ ')) file = line.slice('+++ '.length).replace(/\t.*/, '').replace(/^b\//, '');
    else if (line.startsWith('@@') && file) changes.push({ file, find: '', replace: '' });
    else if (/^(diff |--- )/.test(line)) file = undefined;
    else {
      const hunk = file && changes.at(-1);
      if (!hunk) continue;
      if (/^[ -]/.test(line)) hunk.find += `${line.slice(1)}\n`;
      if (/^[ +]/.test(line)) hunk.replace += `${line.slice(1)}\n`;
    }
  }
  if (changes.length === 0) throw new Error('the patch is neither a unified diff nor JSON with file, find and replace');
  return changes;
}

function jsonIn(text: string): unknown {
  const json = jsonOf(text);
  if (json === undefined) throw new Error('the file must be JSON');
  return json;
}

function parsed<T>(schema: z.ZodType<T>, json: unknown): T {
  const { data, error } = schema.safeParse(json, { reportInput: true });
  if (!error) return data;
  const problems = error.issues.map((issue) => {
    const unknown = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [];
    const fields = unknown.length > 0 ? unknown : [issue.path];
    const rule = unknown.length > 0 ? 'is no field of a plan' : ruleInWords(issue);
    return fields.map((path) => `${path.map(String).join('.') || 'plan'}: ${rule}`).join('\n');
  });
  throw new Error(problems.join('\n'));
}
