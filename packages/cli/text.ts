/** Lines of a table with aligned columns. Empty columns are left out. */
export function tableText(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const kept = head.flatMap((_, column) => (rows.some((row) => row[column]) ? [column] : []));
  const lines = [head, ...rows].map((row) => kept.map((column) => row[column] ?? ''));
  const widths = kept.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
