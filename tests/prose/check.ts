import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { type Passage, passagesOfCode, passagesOfMarkdown, passagesOfYaml } from './passages';
import { problemsOf } from './rules';

/** Generated files, and files that quote the refused words. */
const EXEMPT = /^(tests\/prose\/|.*\.snap$|package-lock\.json$)/;

/** Checks the words of comments, messages, test titles and docs. Prints each problem with its place; exits 1 if there is one. */
function main(): void {
  const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { encoding: 'utf8' });
  const given = process.argv.slice(2);
  let problems = 0;
  for (const file of files.split('\n')) {
    if (!/\.(tsx?|cjs|md|yml)$/.test(file) || EXEMPT.test(file) || !existsSync(file)) continue;
    if (given.length > 0 && !given.some((start) => file.startsWith(start))) continue;
    const source = readFileSync(file, 'utf8');
    for (const passage of passagesOf(file, source))
      for (const { line, problem } of problemsOf(passage)) {
        problems++;
        process.stdout.write(`${file}:${line}: ${problem}\n`);
      }
  }
  process.stdout.write(problems === 0 ? 'The words are fine.\n' : `${problems} problems with words.\n`);
  if (problems > 0) process.exitCode = 1;
}

function passagesOf(file: string, source: string): Passage[] {
  if (file.endsWith('.md')) return passagesOfMarkdown(source);
  return file.endsWith('.yml') ? passagesOfYaml(source) : passagesOfCode(source, { jsx: file.endsWith('.tsx') });
}

main();
