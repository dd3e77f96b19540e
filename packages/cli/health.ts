import { duration } from '../../lib/duration';
import { health, type Problem } from '../../lib/ops/health';
import { counted, timeText } from '../../lib/text';
import { type Command, JSON_OUTPUT } from './command';

/** The exit code if something is wrong. An error exits with 1, for example if AWS does not answer. */
const PROBLEMS = 2;
/** Lines that fit on a screen, also where each takes two or three. */
const MOST_SHOWN = 10;

export const verdict = {
  health: {
    usage: 'Say what is wrong and what to do next. Exits with 0 if healthy, 1 if it could not tell, 2 for problems',
    options: { json: JSON_OUTPUT },
    run: async ({ options, out, connect, sls }) => {
      const { at, ...found } = await health(await connect());
      const problems = found.problems.map((problem) => ({ ...problem, next: sls(problem.next) }));
      const words = problems.length === 0 ? 'healthy' : counted(problems.length, 'problem');
      const more = problems.length > MOST_SHOWN ? [`All of them: ${sls('health --json')}`] : [];
      const lines = problems.slice(0, MOST_SHOWN).map((problem) => lineOf(problem, at));
      if (options.json) out.json({ verdict: words, at, problems });
      else out.lines([`${words}, as of ${timeText(at)} (UTC)`, ...lines, ...more]);
      if (problems.length > 0) out.exitCode(PROBLEMS);
    },
  },
} satisfies Record<string, Command>;

function lineOf({ subject, what, jobs, since, advice, next }: Problem, at: number): string {
  const parts = [subject === '' ? what : `${subject}: ${what}`];
  if (jobs && jobs.count > 0) parts.push(`${jobs.count}${jobs.more ? '+' : ''} ${jobs.count === 1 ? 'job' : 'jobs'}`);
  if (since !== undefined)
    parts.push(`since ${timeText(since)} (UTC), ${duration(Math.round((at - since) / 1000))} ago`);
  return `${parts.join(', ')}. ${advice} ${next}`;
}
