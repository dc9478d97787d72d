/** A table of plain text with lines around it; the first row is its head. */
export function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const widths = head.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const line = (left: string, middle: string, right: string): string =>
    left + widths.map((width) => '─'.repeat(width + 2)).join(middle) + right;
  const cells = (row: readonly string[]): string =>
    `│${widths.map((width, column) => ` ${(row[column] ?? '').padEnd(width)} `).join('│')}│`;
  return [line('┌', '┬', '┐'), cells(head), line('├', '┼', '┤'), ...body.map(cells), line('└', '┴', '┘')].join('\n');
}
