// From the texts as Debian ships them to documents `{id, text}`: a chapter or an entry each, cleaned the same way every time.

const BOOKS = `
  Genesis, Exodus, Leviticus, Numbers, Deuteronomy, Joshua, Judges, Ruth, 1 Samuel, 2 Samuel, 1 Kings, 2 Kings, 1
  Chronicles, 2 Chronicles, Ezra, Nehemiah, Esther, Job, Psalms, Proverbs, Ecclesiastes, Song of Solomon, Isaiah,
  Jeremiah, Lamentations, Ezekiel, Daniel, Hosea, Joel, Amos, Obadiah, Jonah, Micah, Nahum, Habakkuk, Zephaniah,
  Haggai, Zechariah, Malachi, Matthew, Mark, Luke, John, Acts, Romans, 1 Corinthians, 2 Corinthians, Galatians,
  Ephesians, Philippians, Colossians, 1 Thessalonians, 2 Thessalonians, 1 Timothy, 2 Timothy, Titus, Philemon,
  Hebrews, James, 1 Peter, 2 Peter, 1 John, 2 John, 3 John, Jude, Revelation
`
  .trim()
  .split(',')
  .map((name) => name.trim().replace(/\s+/g, ' '));

/** Chapters from `bible -f`: a verse a line, `1Sm3:4 text`. The books come in their usual order; their short names don't matter. */
export function parseBible(output) {
  const chapters = [];
  let books = 0;
  let current = null;
  for (const line of output.split('\n').filter((each) => each.trim())) {
    const match = /^(\d?[A-Za-z]+)(\d+):(\d+) (.+)$/.exec(line.trim());
    if (!match) throw new Error(`this is no verse: '${line}'`);
    const [, short, chapter, , verse] = match;
    if (current?.short !== short) books += 1;
    if (current?.short !== short || current.chapter !== chapter) {
      current = {
        short,
        chapter,
        title: `${BOOKS[books - 1]} ${chapter}`,
        id: `kjv/${slug(BOOKS[books - 1] ?? '')}/${chapter}`,
        verses: [],
      };
      chapters.push(current);
    }
    current.verses.push(verse);
  }
  if (books !== BOOKS.length) throw new Error(`the Bible has ${BOOKS.length} books, and ${books} were read`);
  return chapters.map(({ id, title, verses }) => ({ id, text: clean(`${title}\n\n${verses.join('\n')}`) }));
}

/** Entries of a dictd dictionary; `index` has headword, offset and length (base 64 digits) on each line, in tabs. */
export function parseDictionary(bytes, index) {
  const entries = index
    .split('\n')
    .filter((line) => line && !line.startsWith('00database'))
    .map((line) => line.split('\t'));
  // A second headword may point at the same entry: it stays one document.
  const byOffset = new Map();
  for (const [headword, offset, length] of entries) {
    const known = byOffset.get(offset);
    if (!known || headword < known.headword)
      byOffset.set(offset, { headword, offset: base64Number(offset), length: base64Number(length) });
  }
  const inOrder = [...byOffset.values()].sort((a, b) => a.offset - b.offset);
  return named(
    'devil',
    inOrder.map(({ headword, offset, length }) => ({
      headword,
      text: bytes.subarray(offset, offset + length).toString('utf8'),
    })),
  );
}

/** Entries of the Jargon File's lexicon: each begins with `   :headword:`. Contents lists between the letters are no text. */
export function parseJargon(text) {
  const lines = text.replaceAll('\u00a0', ' ').split('\n');
  const part = (number) => lines.findIndex((line) => new RegExp(`^ {10,}Part ${number}\\. `).test(line));
  const entries = [];
  let current = null;
  for (const line of lines.slice(part('II'), part('III'))) {
    const headword = /^ {3}:(\S.*?):(?=\s|$)/.exec(line)?.[1];
    if (headword) {
      current = { headword, lines: [] };
      entries.push(current);
    } else if (/^ {2}\S$/.test(line)) current = null;
    current?.lines.push(line.replace(/^ {3}/, ''));
  }
  return named(
    'jargon',
    entries.map(({ headword, lines: own }) => ({ headword, text: own.join('\n') })),
  );
}

/** Ids from headwords; where two give the same, the later ones in the book's order get a number. */
function named(work, entries) {
  const used = new Map();
  return entries.map(({ headword, text }) => {
    const name = slug(headword) || 'sign';
    const count = (used.get(name) ?? 0) + 1;
    used.set(name, count);
    return { id: `${work}/${count === 1 ? name : `${name}-${count}`}`, text: clean(text) };
  });
}

/** Lower-case ASCII letters and digits, joined by hyphens. */
export function slug(title) {
  return title
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
}

/** No trailing blanks, no more than one empty line in a row, none at the ends, one newline at the end, NFC. */
export function clean(text) {
  const lines = text
    .normalize('NFC')
    .replace(/\r\n?/g, '\n')
    .split('\n')
    .map((line) => line.trimEnd());
  return `${lines
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .replace(/^\n+|\n+$/g, '')}\n`;
}

function base64Number(digits) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  return [...digits].reduce((number, digit) => number * 64 + alphabet.indexOf(digit), 0);
}
