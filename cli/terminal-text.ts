/** What a terminal obeys, or what makes it show another text than there is: controls, formatting (direction among it), lone surrogates, separators. */
const unshown = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** Text from anywhere as a terminal may show it: lines and tabs stay, everything else that isn't to be seen becomes U+FFFD. */
export function terminalText(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replaceAll(unshown, (character) => (character === '\n' || character === '\t' ? character : '\ufffd'));
}

/** Text from anywhere where a line is one thing: whoever wrote it can't begin another. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\r\n]\s*/g, ' ⏎ ');
}

/** Text from anywhere below others: its further lines begin as many columns to the right. */
export function indented(text: string, columns: number): string {
  return text.replaceAll('\n', `\n${' '.repeat(columns)}`);
}

/** The same value as `JSON.stringify` gives, with everything escaped that a terminal might obey. */
export function jsonText(value: object, indent = 0): string {
  return escapedJson(JSON.stringify(value, null, indent));
}

/** The same JSON, on as many lines, with everything escaped that a terminal might obey. */
export function escapedJson(json: string): string {
  return json.replaceAll(unshown, (character) => (character === '\n' ? character : escaped(character)));
}

function escaped(character: string): string {
  return Array.from(
    { length: character.length },
    (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`,
  ).join('');
}
