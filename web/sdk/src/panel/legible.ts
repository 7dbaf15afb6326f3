// Prompt ids are any text, and two of them can look the same: composed and decomposed accents, characters without
// width, soft hyphens, text that runs the other way, blanks at an end. This makes the difference visible.

// Controls, formats, what Unicode says to ignore in display, and blanks other than single ones between words.
const HIDDEN = /[\p{C}\p{DI}\u2800]|(?! )\p{Z}|^ | $| (?= )/gu;
// What composing would change, or join to its neighbour.
const COMBINING = /[\p{M}\u1100-\u11ff]/u;

/** The id with every character that nobody can see written as its code point, such as `‹U+200B›`. */
export function legible(id: string): string {
  const shown = id.replace(HIDDEN, codePoint);
  return id === id.normalize()
    ? shown
    : shown.replace(/[^\0-\x7f]/gu, each =>
        COMBINING.test(each) || each !== each.normalize() ? codePoint(each) : each,
      );
}

const codePoint = (character: string) =>
  `‹U+${character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}›`;
