//! The same JSON in other letters: keys in another order, space between, escapes where none are needed.

use serde_json::Value;

/// Spells `value` as the dice fall; `dice` is used again from its beginning when it is used up.
pub(crate) fn respell(value: &Value, dice: &[u8]) -> String {
    let mut speller = Speller { dice: dice.iter().cycle(), text: String::new() };
    speller.value(value);
    speller.space();
    speller.text
}

struct Speller<'a> {
    dice: std::iter::Cycle<std::slice::Iter<'a, u8>>,
    text: String,
}

impl Speller<'_> {
    /// 0 up to, not including, `sides`.
    fn throw(&mut self, sides: usize) -> usize {
        usize::from(*self.dice.next().unwrap_or(&0)) % sides
    }

    fn space(&mut self) {
        let space = ["", "", "", " ", "\n", "\t \r\n"];
        let place = self.throw(space.len());
        self.text.push_str(space[place]);
    }

    fn value(&mut self, value: &Value) {
        self.space();
        match value {
            Value::String(text) => self.string(text),
            Value::Array(elements) => {
                self.text.push('[');
                for (place, element) in elements.iter().enumerate() {
                    if place > 0 {
                        self.text.push(',');
                    }
                    self.value(element);
                    self.space();
                }
                self.text.push(']');
            }
            Value::Object(entries) => {
                let mut entries: Vec<_> = entries.iter().collect();
                for last in (1..entries.len()).rev() {
                    let other = self.throw(last + 1);
                    entries.swap(last, other);
                }
                self.text.push('{');
                for (place, (key, value)) in entries.into_iter().enumerate() {
                    if place > 0 {
                        self.text.push(',');
                    }
                    self.space();
                    self.string(key);
                    self.space();
                    self.text.push(':');
                    self.value(value);
                    self.space();
                }
                self.text.push('}');
            }
            plain => self.text.push_str(&plain.to_string()),
        }
    }

    fn string(&mut self, text: &str) {
        self.text.push('"');
        for letter in text.chars() {
            let must = matches!(letter, '"' | '\\') || letter < ' ';
            if must || self.throw(8) == 0 {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    self.text.push_str(&format!("\\u{unit:04x}"));
                }
            } else {
                self.text.push(letter);
            }
        }
        self.text.push('"');
    }
}
