// Text in lines that fit, broken between words.

/**
 * @param first what the first line begins with; the others are indented as far
 * @param width characters of a line; a word that is longer stands alone
 */
export function wrapped(first: string, text: string, width: number): string {
  const indent = ' '.repeat(first.length);
  const lines: string[] = [];
  let line = first;
  for (const word of text.split(' ')) {
    const isEmpty = line.length === first.length;
    if (!isEmpty && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent + word;
    } else line += isEmpty ? word : ` ${word}`;
  }
  return [...lines, line].join('\n');
}
