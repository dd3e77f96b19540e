import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** All Markdown pages of the project. */
export const pages = () =>
  execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], { encoding: 'utf8' })
    .split('\n')
    .filter(Boolean)
    .map(pageOf);

/** A page with its fenced blocks, and with the distinct texts in backticks outside of them. */
function pageOf(file: string) {
  const text = readFileSync(file, 'utf8');
  const fenced = text.matchAll(/^```(\w*).*\n([\s\S]*?)^```$/gm);
  const prose = text.replace(/^```[\s\S]*?^```$/gm, '');
  return {
    ...{ file, text },
    blocks: [...fenced].map(([, language = '', body = '']) => ({ language, text: body })),
    code: [...new Set([...prose.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code))],
  };
}

/** The anchors that GitHub makes of a page's headings. */
export const anchorsOf = (text: string): string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

/** The text of a page with these rows in its table with this head. */
export function withTable(text: string, head: string, rows: string[]): string {
  const lines = text.split('\n');
  const first = lines.indexOf(head);
  if (first < 0) throw new Error(`no table has the head ${head}`);
  const after = lines.findIndex((line, at) => at > first && !line.startsWith('|'));
  return [...lines.slice(0, first + 2), ...rows, ...lines.slice(after)].join('\n');
}
