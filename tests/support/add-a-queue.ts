import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const page = readFileSync('docs/add-a-queue.md', 'utf8');

/** What the page says to do to files, in its order. */
export const edits = [
  ...page.matchAll(
    /^(?:In `(.+?)`, (under|above) `(.+?)`|New file: (\S+?)|Run this in the project's folder):?\n\n```\w+\n([\s\S]*?)^```$/gm,
  ),
].map(([, file = '', where = '', anchor = '', created = '', text = '']) => ({ file, where, anchor, created, text }));

/** Does exactly what the page says to the files in a copy of the project. Leaves out what the copy has already. */
export function follow(root: string): void {
  for (const { file, where, anchor, created, text } of edits) {
    const path = join(root, created || file || 'serverless.yml');
    mkdirSync(dirname(path), { recursive: true });
    if (created) {
      // The test empties all handlers first. Other files may have been appended to since.
      if (!existsSync(path) || created.startsWith('handlers/')) writeFileSync(path, text);
      continue;
    }
    const content = readFileSync(path, 'utf8');
    if (content.includes(file ? text : 'PushQueue:')) continue;
    if (!file) {
      execFileSync('sh', ['-ec', text], { cwd: root });
      continue;
    }
    const lines = content.split('\n');
    const at = lines.findIndex((line) => line.startsWith(anchor));
    if (at < 0) throw new Error(`${file} has no line ${anchor}`);
    lines.splice(where === 'under' ? at + 1 : at, 0, text.replace(/\n$/, ''));
    writeFileSync(path, lines.join('\n'));
  }
}
