import jsTokens from 'js-tokens';

/** A piece of prose and the line that it begins on. */
export interface Passage {
  line: number;
  text: string;
  kind: 'comment' | 'string' | 'document';
}

const linesIn = (text: string): number => text.split('\n').length - 1;
/** A string that a person reads has words in it: names, paths and patterns do not count. */
const isSentence = (text: string): boolean => text.trim().split(/\s+/).length >= 4 && !/^[^a-zA-Z]*$/.test(text);

/**
 * The comments of a TypeScript file, and its strings and texts of JSX that are sentences. Comments on successive lines
 * are one passage.
 */
export function passagesOfCode(source: string, { jsx = false } = {}): Passage[] {
  const passages: Passage[] = [];
  let line = 1;
  let comment: Passage | undefined;
  for (const { type, value } of jsx ? jsTokens(source, { jsx: true }) : jsTokens(source)) {
    if (type === 'SingleLineComment') {
      const text = value.replace(/^\/\/\s?/, '');
      if (comment) comment.text += ` ${text}`;
      else {
        comment = { line, text, kind: 'comment' };
        passages.push(comment);
      }
    } else if (type !== 'WhiteSpace' && type !== 'LineTerminatorSequence') comment = undefined;
    if (type === 'MultiLineComment') passages.push({ line, text: unwrapped(value), kind: 'comment' });
    const text =
      type === 'StringLiteral' || type === 'JSXString'
        ? value.slice(1, -1)
        : type.includes('Template') || type === 'JSXText'
          ? value
          : undefined;
    if (text !== undefined && isSentence(text)) passages.push({ line, text, kind: 'string' });
    line += linesIn(value);
  }
  return passages;
}

const unwrapped = (comment: string): string =>
  comment
    .replace(/^\/\*+|\*+\/$/g, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\*\s?/, ''))
    .join('\n');

/** The prose of a Markdown page: paragraphs, list items and table cells, without code. */
export function passagesOfMarkdown(source: string): Passage[] {
  const passages: Passage[] = [];
  let fenced = false;
  let open: Passage | undefined;
  for (const [index, line] of source.split('\n').entries()) {
    if (line.trimStart().startsWith('```')) fenced = !fenced;
    if (fenced || /^\s*(```|$|#)/.test(line)) {
      open = undefined;
      continue;
    }
    const begins = /^\s*([-*]|\d+\.)\s/.test(line);
    if (line.startsWith('|')) {
      open = undefined;
      for (const cell of line.split('|')) passages.push({ line: index + 1, text: cell, kind: 'document' });
    } else if (open && !begins) open.text += ` ${line}`;
    else {
      open = { line: index + 1, text: line, kind: 'document' };
      passages.push(open);
    }
  }
  return passages;
}

/** The comments of a YAML file. Comments on successive lines are one passage. */
export function passagesOfYaml(source: string): Passage[] {
  const passages: Passage[] = [];
  let open: Passage | undefined;
  for (const [index, line] of source.split('\n').entries()) {
    const [, before = '', text] = /^(|.*?\s)#\s(.*)$/.exec(line) ?? [];
    if (text === undefined) open = undefined;
    // A line of a table has words far apart.
    else if (open && before.trim() === '' && !/\S {2,}\S/.test(text)) open.text += ` ${text}`;
    else {
      open = { line: index + 1, text, kind: 'comment' };
      passages.push(open);
    }
  }
  return passages;
}
