import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import * as z from 'zod';
import { instanceFile } from './file';
import type { Instance } from './instance';
import { oldSettings, SETTING_OF } from './old-settings';
import { InstanceProblems, schemaAt } from './problems';
import { parseInstance } from './read';

/**
 * Writes the settings of an earlier `.env` file into the instance's file, and keeps its other lines and comments. Throws
 * InstanceProblems, and then the file stays as it was. Returns the `.env` file, the settings and the changed instance.
 * `dry`: writes nothing.
 */
export function importSettings(
  instance: Instance,
  { root = process.cwd(), dry = false }: { root?: string; dry?: boolean } = {},
): { file: string; written: string[]; instance: Instance } {
  const old = oldSettings(instance, root);
  if (!old)
    throw new InstanceProblems([
      `There is nothing to import: neither .env.${instance.stage} nor .env holds settings of ${instance.file}.`,
    ]);
  const path = join(root, instance.file);
  const document = parseDocument(readFileSync(path, 'utf8'));
  for (const { variable, value } of old.lines) {
    const setting = (SETTING_OF[variable] ?? '').split('.');
    document.setIn(setting, settingOf(value.trim(), schemaAt(instanceFile, setting)));
  }
  const text = document.toString({ lineWidth: 0 });
  const changed = parseInstance(instance.name, text, root);
  if (!dry) writeFileSync(path, text);
  const written = old.lines.map(({ variable }) => SETTING_OF[variable] ?? '');
  return { file: old.file, written, instance: changed };
}

/** A variable's text as the setting's kind: a list, a number or text. Wrong text stays text, and its rule says so. */
function settingOf(text: string, schema: z.ZodType | undefined): unknown {
  if (schema instanceof z.ZodArray)
    return text
      .split(',')
      .map((entry) => entry.trim())
      .filter(Boolean)
      .map((entry) => settingOf(entry, schema.element as z.ZodType));
  if (schema instanceof z.ZodRecord)
    return Object.fromEntries(text.split(',').map((entry) => entry.split('=').map((part) => part.trim())));
  const number = Number(text);
  return schema instanceof z.ZodNumber && !Number.isNaN(number) ? number : text;
}
