import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';

interface Workflow {
  jobs: Record<string, { steps?: { name?: string; run?: string }[] }>;
}

const workflow = parse(readFileSync('.github/workflows/release.yml', 'utf8')) as Workflow;
const NOTES = "Take the version's section of the changelog";
const script = workflow.jobs.pack?.steps?.find(({ name }) => name === NOTES)?.run ?? '';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'release-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function notesOf(changelog: string, tag: string): string | undefined {
  writeFileSync(join(folder, 'CHANGELOG.md'), changelog);
  const { status } = spawnSync('bash', ['-eo', 'pipefail', '-c', script], {
    cwd: folder,
    env: { ...process.env, GITHUB_REF_NAME: tag },
  });
  return status === 0 ? readFileSync(join(folder, 'notes.md'), 'utf8').trim() : undefined;
}

const CHANGELOG = `# Changelog

## [1.10.0] - 2027-03-01

### Fixed
- A newer line.

## [1.1.0] - 2027-02-01

### Added
- A line.

## [1.0.0] - 2027-01-01
`;

test("the release page has the lines of the tag's version only", () => {
  expect(notesOf(CHANGELOG, 'v1.1.0')).toBe('### Added\n- A line.');
});

test.each([
  ['has no section', 'v1.2.0'],
  ['has an empty section', 'v1.0.0'],
])('a version that %s is not released', (_, tag) => {
  expect(notesOf(CHANGELOG, tag)).toBeUndefined();
});
