import { expect, it } from 'vitest';
import { legible } from '../../src/panel/legible.js';

it.each([
  'why-trees',
  'Why do trees sleep?',
  'caf\u00e9',
  '\u65e5\u672c\u8a9e\u304c',
  '\ud55c\uad6d\uc5b4',
  'ti\u1ebfng Vi\u1ec7t',
  '\u{1f333}',
])('leaves %j as it is', id => expect(legible(id)).toBe(id));

it.each([
  ['zero width space', 'ti\u200bde', 'ti‹U+200B›de'],
  ['zero width joiner', 'tide\u200d', 'tide‹U+200D›'],
  ['word joiner', 'ti\u2060de', 'ti‹U+2060›de'],
  ['byte order mark', '\ufefftide', '‹U+FEFF›tide'],
  ['soft hyphen', 'out\u00adline', 'out‹U+00AD›line'],
  ['other direction', '\u202eedit', '‹U+202E›edit'],
  ['isolate', 'a\u2066b\u2069', 'a‹U+2066›b‹U+2069›'],
  ['left-to-right mark', 'a\u200e', 'a‹U+200E›'],
  ['variation selector', 'a\ufe0f', 'a‹U+FE0F›'],
  ['grapheme joiner', 'a\u034f', 'a‹U+034F›'],
  ['tag', 'a\u{e0041}', 'a‹U+E0041›'],
  ['Hangul filler', '\u3164', '‹U+3164›'],
  ['Braille blank', 'a\u2800', 'a‹U+2800›'],
  ['no-break space', 'a\u00a0b', 'a‹U+00A0›b'],
  ['control', 'a\tb\u0007', 'a‹U+0009›b‹U+0007›'],
  ['blank in front', ' a', '‹U+0020›a'],
  ['blank at the end', 'a ', 'a‹U+0020›'],
  ['two blanks', 'a  b', 'a‹U+0020› b'],
  ['decomposed accent', 'cafe\u0301', 'cafe‹U+0301›'],
  ['decomposed kana', '\u304b\u3099', '\u304b‹U+3099›'],
  ['decomposed Hangul', '\u1112\u1161', '‹U+1112›‹U+1161›'],
  ['compatibility sign', '\u212b', '‹U+212B›'],
])('shows a %s', (_, id, shown) => expect(legible(id)).toBe(shown));
