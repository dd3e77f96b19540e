import { readFileSync } from 'node:fs';

interface Locked {
  engines?: { node?: string };
}

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, Locked> };

/** Whether a range like `^22.17.0 || >=24` takes a late release of this major version. */
const takes = (range: string, major: number): boolean =>
  range.split('||').some((part) => {
    const [, atLeast, first] = /^\s*(>=?)?\s*[\^~v=]*(\d+|\*)/.exec(part) ?? [];
    return first === '*' || (atLeast ? Number(first) <= major : Number(first) === major);
  });

/** The packages of the lock file that ask for another Node than this. */
const warnedOf = (major: number): string[] => [
  ...new Set(
    Object.entries(packages).flatMap(([path, { engines }]) =>
      engines?.node === undefined || takes(engines.node, major)
        ? []
        : [path.slice(path.lastIndexOf('node_modules/') + 13)],
    ),
  ),
];

test('the README names the packages of which npm ci warns on Node 20', () => {
  const [, sentence = ''] =
    /On Node 20 it warns that ([\s\S]*?)\.\s+They/.exec(readFileSync('README.md', 'utf8')) ?? [];

  expect([...sentence.matchAll(/`([^`]+)`/g)].map(([, name]) => name).sort()).toEqual(warnedOf(20).sort());
});

test.each([22, 24])('no package asks for another Node than %i', (major) => {
  expect(warnedOf(major)).toEqual([]);
});
