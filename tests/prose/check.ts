import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { type Passage, passagesOfCode, passagesOfMarkdown, passagesOfYaml } from './passages';

/** Words that hide the actor or that a native engineer would not use, and what to write instead. */
const REFUSED: readonly { words: RegExp; instead: string }[] = [
  {
    words: /\b(whoever|whomever|nobody|somebody)\b/i,
    instead: 'name the actor: the worker, the reconciler, an operator',
  },
  { words: /\bmend(s|ed|ing)?\b/i, instead: 'fix or repair' },
  { words: /\bparted by\b/i, instead: 'separated by' },
  { words: /\b(told|tell|tells|telling) (of|from|apart)\b/i, instead: 'report, know about, distinguish' },
  { words: /\b(became|become|becomes) of\b/i, instead: 'say what happened to it' },
  { words: /\bdecide[sd]? about\b/i, instead: 'manage, or decide what to do with' },
  { words: /\b(comes?|came) to nothing\b/i, instead: 'has no effect' },
  { words: /\bby itself alone\b/i, instead: 'alone' },
  { words: /\bwhat befalls\b/i, instead: 'what happens to' },
  { words: /\b(lest|whereof|thereof|hitherto|heretofore)\b/i, instead: 'a word of today' },
  { words: /\bhas the word\b/i, instead: 'decides' },
  { words: /\be-mails?\b/i, instead: 'mail' },
];

/** Longest sentence, in words. Aim for 20; a list of names may need more. */
const MOST_WORDS = 30;

interface Problem {
  line: number;
  problem: string;
}

/** What is wrong with the words of one passage. */
function problemsOf({ line, text, kind }: Passage): Problem[] {
  const prose = withoutCode(text);
  const refused = REFUSED.flatMap(({ words, instead }) => {
    const found = words.exec(prose)?.[0];
    return found === undefined ? [] : [{ line, problem: `"${found}": ${instead}` }];
  });
  const long = kind === 'string' ? [] : sentencesOf(prose).filter((sentence) => wordsIn(sentence) > MOST_WORDS);
  return [...refused, ...long.map((sentence) => ({ line, problem: tooLong(sentence) }))];
}

const tooLong = (sentence: string): string =>
  `a sentence of ${wordsIn(sentence)} words, at most ${MOST_WORDS}: ${sentence.trim().slice(0, 60)}…`;

const withoutCode = (text: string): string =>
  text
    .replace(/`[^`]*`/g, 'code')
    .replace(/\]\([^)]*\)/g, ']')
    .replace(/https?:\/\/\S+/g, 'link');

/** A table's rows and a diagram's lines are not sentences. */
const isProse = (line: string): boolean => !/^\s*\|/.test(line) && !/[─▶◀├└┌│]/.test(line);

const sentencesOf = (text: string): string[] =>
  text.split(/\n\s*\n|\n(?=\s*(?:[-*|]|\d+\.)\s)/).flatMap((paragraph) =>
    paragraph
      .split('\n')
      .filter(isProse)
      .join(' ')
      .split(/(?<=[.!?:;…])\s+/),
  );

const wordsIn = (sentence: string): number => sentence.split(/\s+/).filter((word) => /[a-zA-Z]/.test(word)).length;

/** Generated files, and files that quote the refused words. */
const EXEMPT = /^(tests\/prose\/|.*\.snap$|package-lock\.json$)/;

/**
 * Checks the words of comments, messages, test titles and docs. Prints each problem with its place; exits 1 if there is
 * one.
 */
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
