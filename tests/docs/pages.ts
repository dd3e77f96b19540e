import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export interface Page {
  file: string;
  text: string;
  /** The distinct texts in backticks outside of blocks. */
  code: string[];
  /** Fenced blocks of code by their language. */
  blocks: { language: string; text: string; line: number }[];
}

/** All Markdown pages of the project. */
export const pages = (): Page[] =>
  execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], { encoding: 'utf8' })
    .split('\n')
    .filter(Boolean)
    .map(pageOf);

function pageOf(file: string): Page {
  const text = readFileSync(file, 'utf8');
  const blocks = [...text.matchAll(/^```(\w*).*\n([\s\S]*?)^```$/gm)].map(
    ({ 1: language = '', 2: body = '', index }) => ({
      language,
      text: body,
      line: text.slice(0, index).split('\n').length + 1,
    }),
  );
  const prose = text.replace(/^```[\s\S]*?^```$/gm, '');
  return { file, text, blocks, code: [...new Set([...prose.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code))] };
}

/** The anchors that GitHub makes of a page's headings. */
export const anchorsOf = ({ text }: Pick<Page, 'text'>): Set<string> =>
  new Set(
    [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );

/** The text of a page with these rows in its table with this head. */
export function withTable(text: string, head: string, rows: string[]): string {
  const lines = text.split('\n');
  const first = lines.indexOf(head);
  if (first < 0) throw new Error(`no table has the head ${head}`);
  const after = lines.findIndex((line, at) => at > first && !line.startsWith('|'));
  return [...lines.slice(0, first + 2), ...rows, ...lines.slice(after)].join('\n');
}
