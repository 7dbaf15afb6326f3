//! A second reader of JSON, written for plainness: it keeps doubled keys, numbers as they are spelled, and strings that
//! hold no text, and leaves it to others whether that matters.

/// A value of JSON. What is grammatical is here, whether or not anything can be made of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// As spelled.
    Number(String),
    /// `None` when its escapes spell a lone surrogate.
    Text(Option<String>),
    Array(Vec<Json>),
    /// In order, doubled keys included.
    Object(Vec<(Option<String>, Json)>),
}

/// Reads the whole of `text`; `None` when it is not JSON.
pub(crate) fn parse(text: &str) -> Option<Json> {
    let mut rest = Rest(text);
    let value = rest.value()?;
    rest.space();
    rest.0.is_empty().then_some(value)
}

/// What is still to be read.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn eat(&mut self, token: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(token)?;
        Some(())
    }

    fn value(&mut self) -> Option<Json> {
        self.space();
        match self.0.as_bytes().first()? {
            b'n' => self.eat("null").map(|()| Json::Null),
            b't' => self.eat("true").map(|()| Json::Bool(true)),
            b'f' => self.eat("false").map(|()| Json::Bool(false)),
            b'"' => self.text().map(Json::Text),
            b'[' => self.array(),
            b'{' => self.object(),
            _ => self.number(),
        }
    }

    fn array(&mut self) -> Option<Json> {
        self.eat("[")?;
        let mut elements = Vec::new();
        self.space();
        if self.eat("]").is_some() {
            return Some(Json::Array(elements));
        }
        loop {
            elements.push(self.value()?);
            self.space();
            if self.eat(",").is_none() {
                return self.eat("]").map(|()| Json::Array(elements));
            }
        }
    }

    fn object(&mut self) -> Option<Json> {
        self.eat("{")?;
        let mut entries = Vec::new();
        self.space();
        if self.eat("}").is_some() {
            return Some(Json::Object(entries));
        }
        loop {
            self.space();
            let key = self.text()?;
            self.space();
            self.eat(":")?;
            entries.push((key, self.value()?));
            self.space();
            if self.eat(",").is_none() {
                return self.eat("}").map(|()| Json::Object(entries));
            }
        }
    }

    fn number(&mut self) -> Option<Json> {
        let whole = self.0;
        let _negative = self.eat("-");
        if self.eat("0").is_none() {
            self.digits()?;
        }
        if self.eat(".").is_some() {
            self.digits()?;
        }
        if self.eat("e").or_else(|| self.eat("E")).is_some() {
            let _sign = self.eat("+").or_else(|| self.eat("-"));
            self.digits()?;
        }
        Some(Json::Number(whole[..whole.len() - self.0.len()].to_owned()))
    }

    fn digits(&mut self) -> Option<()> {
        let rest = self.0.trim_start_matches(|letter: char| letter.is_ascii_digit());
        let some = rest.len() < self.0.len();
        self.0 = rest;
        some.then_some(())
    }

    /// A string as UTF-16 code units, which is what its escapes spell. The outer `None`: not JSON.
    fn text(&mut self) -> Option<Option<String>> {
        self.eat("\"")?;
        let mut units = Vec::new();
        loop {
            let letter = self.0.chars().next()?;
            self.0 = &self.0[letter.len_utf8()..];
            match letter {
                '"' => return Some(String::from_utf16(&units).ok()),
                '\\' => units.push(self.escape()?),
                control if control < ' ' => return None,
                letter => units.extend_from_slice(letter.encode_utf16(&mut [0; 2])),
            }
        }
    }

    fn escape(&mut self) -> Option<u16> {
        let letter = *self.0.as_bytes().first()?;
        self.0 = self.0.get(1..)?;
        let escaped = match letter {
            b'"' | b'\\' | b'/' => letter,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let digits =
                    self.0.get(..4).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
                self.0 = &self.0[4..];
                return u16::from_str_radix(digits, 16).ok();
            }
            _ => return None,
        };
        Some(u16::from(escaped))
    }
}
