import { visible } from '../text';
import type { Embed } from '../vendors/discord';

/** https://discord.com/developers/docs/resources/message#embed-object-embed-limits */
export const LIMITS = {
  title: 256,
  description: 4096,
  fields: 25,
  fieldName: 256,
  fieldValue: 1024,
  footer: 2048,
  total: 6000,
} as const;

/** Shortens an embed to Discord's limits, the description last to fit. Leaves out empty fields, and shows controls. */
export function withinLimits(embed: Embed): Embed {
  const { title, description = '', fields = [], footer, ...rest } = embed;
  const cutTitle = cut(visible(title) || '(no title)', LIMITS.title);
  const cutFooter = footer && cut(visible(footer.text), LIMITS.footer);
  let left = LIMITS.total - cutTitle.length - (cutFooter?.length ?? 0);
  const kept: NonNullable<Embed['fields']> = [];
  for (const field of fields.slice(0, LIMITS.fields)) {
    if (field.value.trim() === '' || field.name.trim() === '') continue;
    const name = cut(visible(field.name), LIMITS.fieldName);
    const value = cut(visible(field.value), LIMITS.fieldValue);
    if (name.length + value.length > left) break;
    left -= name.length + value.length;
    kept.push({ ...field, name, value });
  }
  const cutDescription = cut(visible(description), Math.min(LIMITS.description, left));
  return {
    ...rest,
    title: cutTitle,
    ...(cutDescription && { description: cutDescription }),
    ...(kept.length > 0 && { fields: kept }),
    ...(cutFooter && { footer: { text: cutFooter } }),
  };
}

/** Cuts text to `most` UTF-16 units, with an ellipsis at the end. Never splits a character. */
export function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  if (most < 1) return '';
  return `${text.slice(0, most - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** A code block, in which Discord ignores mark-up and mentions. */
export function codeBlock(text: string, most: number): string {
  const fence = '```';
  const inner = cut(text.replaceAll(fence, "'''"), most - 2 * fence.length - 2);
  return `${fence}\n${inner}\n${fence}`;
}
