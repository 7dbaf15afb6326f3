//! Rows turned into columns: the parameters of an `insert … select … from unnest`.
//!
//! A binary array writes its elements as a COPY row writes its fields, length and bytes, so they are moved over as they
//! stand. Only arrays within a row can't be: unnest would flatten them, so they go as array literals in text.

use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, Postgres};
use sqlx::types::Type;
use sqlx::types::chrono::{DateTime, Utc};

use crate::copy::{self, FIELDS, columns};

/// Takes the columns of [`transpose`]. Rows whose id is stored are left out. No other conflict is ignored: a team's own
/// unique key must refuse a row, not swallow it.
pub(crate) const INSERT: &str = concat!(
    "insert into public.prompt_telemetry (",
    columns!(),
    ") select c1, c2, c3, c4, c5, c6, c7, c8, c9, c10::text[], c11::text[], c12, c13, c14, c15, c16, c17, c18, c19, c20, \
     c21, c22 from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[], \
     $8::float8[], $9::int4[], $10::text[], $11::text[], $12::float8[], $13::float8[], $14::float8[], $15::float8[], \
     $16::float8[], $17::int4[], $18::bool[], $19::int4[], $20::float8[], $21::text[], $22::timestamptz[]) \
     as row (c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16, c17, c18, c19, c20, c21, c22) \
     on conflict (id) do nothing"
);

/// What the elements of each column are, in the order of a row's fields.
const KINDS: [Kind; FIELDS] = {
    use Kind::{Bool, Double, Integer, Text, Texts, Time, Uuid};
    [
        Uuid, Text, Text, Text, Time, Text, Text, Double, Integer, Texts, Texts, Double, Double, Double,
        Double, Double, Integer, Bool, Integer, Double, Text, Time,
    ]
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bool,
    Double,
    Integer,
    Text,
    Texts,
    Time,
    Uuid,
}

/// One column of some rows.
#[derive(Debug)]
pub(crate) struct Column {
    kind: Kind,
    elements: Vec<u8>,
    count: i32,
    nulls: bool,
}

/// The columns of these rows, each as written by [`copy::append_row`].
pub(crate) fn transpose<'a>(rows: impl Iterator<Item = &'a [u8]>) -> Vec<Column> {
    let empty = |kind| Column { kind, elements: Vec::new(), count: 0, nulls: false };
    let mut columns: Vec<Column> = KINDS.into_iter().map(empty).collect();
    for row in rows {
        for (column, field) in columns.iter_mut().zip(copy::fields(row)) {
            column.push(field);
        }
    }
    columns
}

impl Column {
    fn push(&mut self, field: Option<&[u8]>) {
        self.count += 1;
        match field {
            None => {
                self.nulls = true;
                self.elements.extend_from_slice(&copy::NULL.to_be_bytes());
            }
            Some(array) if self.kind == Kind::Texts => self.append(&literal(array)),
            Some(value) => self.append(value),
        }
    }

    fn append(&mut self, value: &[u8]) {
        self.elements.extend_from_slice(&(value.len() as i32).to_be_bytes());
        self.elements.extend_from_slice(value);
    }
}

/// A binary array of texts as PostgreSQL reads it in text: `{"a","b"}`.
fn literal(array: &[u8]) -> Vec<u8> {
    let mut literal = vec![b'{'];
    // The dimensions' count, flags and type come first; then, unless it is empty, its length and first index.
    let mut elements = array.get(20..).unwrap_or_default();
    while let Some((length, rest)) = elements.split_first_chunk::<4>() {
        let (text, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        elements = rest;
        if literal.len() > 1 {
            literal.push(b',');
        }
        literal.push(b'"');
        for &byte in text {
            if matches!(byte, b'"' | b'\\') {
                literal.push(b'\\');
            }
            literal.push(byte);
        }
        literal.push(b'"');
    }
    literal.push(b'}');
    literal
}

impl Type<Postgres> for Column {
    fn type_info() -> PgTypeInfo {
        <Vec<String> as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for Column {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&1_i32.to_be_bytes()); // one dimension
        buffer.extend_from_slice(&i32::from(self.nulls).to_be_bytes());
        buffer.extend_from_slice(&self.kind.element_oid().to_be_bytes());
        buffer.extend_from_slice(&self.count.to_be_bytes());
        buffer.extend_from_slice(&1_i32.to_be_bytes()); // the first index
        buffer.extend_from_slice(&self.elements);
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(match self.kind {
            Kind::Bool => <Vec<bool> as Type<Postgres>>::type_info(),
            Kind::Double => <Vec<f64> as Type<Postgres>>::type_info(),
            Kind::Integer => <Vec<i32> as Type<Postgres>>::type_info(),
            Kind::Text | Kind::Texts => <Vec<String> as Type<Postgres>>::type_info(),
            Kind::Time => <Vec<DateTime<Utc>> as Type<Postgres>>::type_info(),
            Kind::Uuid => <Vec<uuid::Uuid> as Type<Postgres>>::type_info(),
        })
    }

    fn size_hint(&self) -> usize {
        20 + self.elements.len()
    }
}

impl Kind {
    /// PostgreSQL's number for the type of an element.
    const fn element_oid(self) -> u32 {
        match self {
            Self::Bool => 16,
            Self::Double => 701,
            Self::Integer => 23,
            Self::Text | Self::Texts => copy::TEXT_OID,
            Self::Time => 1184,
            Self::Uuid => 2950,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::literal;

    #[test]
    fn quotes_and_backslashes_are_escaped_and_an_empty_text_is_kept() {
        let mut array = vec![0; 20];
        for text in ["a\"b", "c\\d", "", "null", "{,}"] {
            array.extend_from_slice(&(text.len() as u32).to_be_bytes());
            array.extend_from_slice(text.as_bytes());
        }
        assert_eq!(literal(&array), br#"{"a\"b","c\\d","","null","{,}"}"#);
        assert_eq!(literal(&[0; 12]), b"{}");
    }
}
