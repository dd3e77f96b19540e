import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import jsTokens from 'js-tokens';

/** Words that hide the actor or that a native engineer would not use, and what to write instead. */
const REFUSED: readonly (readonly [words: RegExp, instead: string])[] = [
  [/\b(whoever|whomever|nobody|somebody)\b/i, 'name the actor: the worker, the reconciler, an operator'],
  [/\bmend(s|ed|ing)?\b/i, 'fix or repair'],
  [/\bparted by\b/i, 'separated by'],
  [/\b(told|tell|tells|telling) (of|from|apart)\b/i, 'report, know about, distinguish'],
  [/\b(became|become|becomes) of\b/i, 'say what happened to it'],
  [/\bdecide[sd]? about\b/i, 'manage, or decide what to do with'],
  [/\b(comes?|came) to nothing\b/i, 'has no effect'],
  [/\bby itself alone\b/i, 'alone'],
  [/\bwhat befalls\b/i, 'what happens to'],
  [/\b(lest|whereof|thereof|hitherto|heretofore)\b/i, 'a word of today'],
  [/\bhas the word\b/i, 'decides'],
  [/\be-mails?\b/i, 'mail'],
];

/** Longest sentence, in words. Aim for 20; a list of names may need more. */
const MOST_WORDS = 30;

/** A piece of prose and the line that it begins on. A `string` of code need not be a sentence. */
interface Passage {
  line: number;
  text: string;
  string?: boolean;
}

/** What is wrong with the words of one passage. */
function problemsOf({ text, string }: Passage): string[] {
  const prose = withoutCode(text);
  const refused = REFUSED.flatMap(([words, instead]) => {
    const found = words.exec(prose)?.[0];
    return found === undefined ? [] : [`"${found}": ${instead}`];
  });
  const long = string ? [] : sentencesOf(prose).filter((sentence) => wordsIn(sentence) > MOST_WORDS);
  return [...refused, ...long.map(tooLong)];
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

/** A part of a passage, on one or more lines. It may begin a passage of its own. */
type Part = Passage & { begins?: boolean };

/** Parts one after another are one passage. `undefined` ends it. */
function joined(parts: (Part | undefined)[]): Passage[] {
  const passages: Passage[] = [];
  let open: Passage | undefined;
  for (const part of parts) {
    if (part && open && !part.begins) open.text += ` ${part.text}`;
    else {
      open = part && { ...part };
      if (open) passages.push(open);
    }
  }
  return passages;
}

/** A string that a person reads has words in it: names, paths and patterns do not count. */
const isSentence = (text: string): boolean => text.trim().split(/\s+/).length >= 4 && !/^[^a-zA-Z]*$/.test(text);

/** The comments of a TypeScript file, and its strings and texts of JSX that are sentences. */
function passagesOfCode(source: string, isJsx: boolean): Passage[] {
  let line = 1;
  const parts = [...(isJsx ? jsTokens(source, { jsx: true }) : jsTokens(source))].flatMap(({ type, value }) => {
    const at = line;
    line += value.split('\n').length - 1;
    const alone = (text: string, string: boolean) => [{ line: at, text, string, begins: true }, undefined];
    if (type === 'SingleLineComment') return [{ line: at, text: value.replace(/^\/\/\s?/, '') }];
    if (type === 'WhiteSpace' || type === 'LineTerminatorSequence') return [];
    if (type === 'MultiLineComment') return alone(unwrapped(value), false);
    const text = type === 'StringLiteral' || type === 'JSXString' ? value.slice(1, -1) : value;
    const isText = text !== value || type.includes('Template') || type === 'JSXText';
    return isText && isSentence(text) ? alone(text, true) : [undefined];
  });
  return joined(parts);
}

const unwrapped = (comment: string): string =>
  comment
    .replace(/^\/\*+|\*+\/$/g, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\*\s?/, ''))
    .join('\n');

/** The prose of a Markdown page: paragraphs, list items and table cells, without code. */
function passagesOfMarkdown(source: string): Passage[] {
  let fenced = false;
  const parts = source.split('\n').flatMap((text, index): (Part | undefined)[] => {
    const line = index + 1;
    if (text.trimStart().startsWith('```')) fenced = !fenced;
    if (fenced || /^\s*(```|$|#)/.test(text)) return [undefined];
    if (text.startsWith('|'))
      return [...text.split('|').map((cell) => ({ line, text: cell, begins: true })), undefined];
    return [{ line, text, begins: /^\s*([-*]|\d+\.)\s/.test(text) }];
  });
  return joined(parts);
}

/** The comments of a YAML file. */
function passagesOfYaml(source: string): Passage[] {
  const parts = source.split('\n').map((code, index): Part | undefined => {
    const [, before = '', text] = /^(|.*?\s)#\s(.*)$/.exec(code) ?? [];
    // A line of a table has words far apart.
    return text === undefined
      ? undefined
      : { line: index + 1, text, begins: before.trim() !== '' || /\S {2,}\S/.test(text) };
  });
  return joined(parts);
}

function passagesOf(file: string, source: string): Passage[] {
  if (file.endsWith('.md')) return passagesOfMarkdown(source);
  return file.endsWith('.yml') ? passagesOfYaml(source) : passagesOfCode(source, file.endsWith('.tsx'));
}

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
      for (const problem of problemsOf(passage)) {
        problems++;
        process.stdout.write(`${file}:${passage.line}: ${problem}\n`);
      }
  }
  process.stdout.write(problems === 0 ? 'The words are fine.\n' : `${problems} problems with words.\n`);
  if (problems > 0) process.exitCode = 1;
}

main();
