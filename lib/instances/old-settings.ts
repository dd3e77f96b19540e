import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { INSTANCE_OF_STAGE } from './choose';
import type { Instance } from './instance';
import { VARIABLES, valueAt, variableText } from './variables';

/** The settings of `.env` files that only the template reads. */
const ONLY_IN_TEMPLATE = { ALARM_EMAIL: 'notify.email', RUNBOOK_URL: 'notify.runbook' };

/** The setting of an instance's file that a variable of an earlier `.env` file became. */
export const SETTING_OF: Readonly<Record<string, string>> = { ...VARIABLES, ...ONLY_IN_TEMPLATE };

/** The variables of an earlier `.env` file that became settings, with their lines. */
export interface OldSettings {
  file: string;
  lines: { variable: string; value: string; line: number }[];
}

/**
 * Until instances had files, a stage's settings lay in `.env.{stage}`, or in `.env` if that was missing. `undefined`: the
 * instance is not the one of its stage, or there is no such file, or it holds none of those settings.
 */
export function oldSettings({ name, stage }: Instance, root = process.cwd()): OldSettings | undefined {
  if (INSTANCE_OF_STAGE[stage] !== name) return undefined;
  const file = [`.env.${stage}`, '.env'].find((each) => existsSync(join(root, each)));
  if (file === undefined) return undefined;
  const text = readFileSync(join(root, file), 'utf8');
  const rows = text.split('\n');
  const lines = Object.entries(parseEnv(text)).flatMap(([variable, value = '']) =>
    variable in SETTING_OF && value !== ''
      ? [
          {
            variable,
            value,
            line: rows.findIndex((row) => new RegExp(`^\\s*(export )?${variable}\\s*=`).test(row)) + 1,
          },
        ]
      : [],
  );
  return lines.length === 0 ? undefined : { file, lines };
}

/** Spaces around the entries of a list have no meaning. */
const trimmed = (value: string): string => value.trim().replace(/\s*,\s*/g, ',');

/** The lines of an earlier `.env` file that disagree with the instance's file. */
export function oldSettingProblems(instance: Instance, root = process.cwd()): string[] {
  const old = oldSettings(instance, root);
  if (!old) return [];
  const problems = old.lines.flatMap(({ variable, value, line }) => {
    const path = SETTING_OF[variable] ?? '';
    const now = path === 'prefix' ? instance.prefix : variableText(valueAt(instance.settings, path));
    return now === trimmed(value) ? [] : [`${old.file}:${line}: ${variable} differs from ${path} of ${instance.file}`];
  });
  return problems.length === 0
    ? []
    : [
        ...problems,
        `${old.file}: its settings belong in ${instance.file} now. Copy them with sls instances import --stage ${instance.stage}, or delete these lines.`,
      ];
}
