import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What npm notes about an installed package. */
interface Installed {
  version: string;
  dev?: boolean;
  optional?: boolean;
  license?: string;
}

/** The file beside the zips of the functions. */
export const NOTICES = 'THIRD-PARTY.txt';

/**
 * Writes the licences of all packages that a function may contain. Pass the file on with the zips, as most licences ask.
 * `folder`: the service, with its node_modules.
 */
export function writeNotices(folder: string): void {
  writeFileSync(join(folder, '.serverless', NOTICES), notices(folder));
}

/** One section for each package, in the order of their names. */
export function notices(folder: string): string {
  const { packages } = JSON.parse(readFileSync(join(folder, 'node_modules/.package-lock.json'), 'utf8')) as {
    packages: Record<string, Installed>;
  };
  return Object.entries(packages)
    .filter(([, { dev, optional }]) => !dev && !optional)
    .map(([path, installed]) => section(join(folder, path), path, installed))
    .join('\n');
}

function section(directory: string, path: string, { version, license = 'see its repository' }: Installed): string {
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const files = readdirSync(directory).filter((file) => /^(licen[cs]e|notice)/i.test(file));
  const texts = files.map((file) => readFileSync(join(directory, file), 'utf8').trim());
  return [`${name} ${version} (${license})`, ...texts, ''].join('\n\n');
}
