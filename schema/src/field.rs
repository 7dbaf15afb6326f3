//! Reads one JSON value of an event without ever failing on its type.
//!
//! A derived `Deserialize` stops at the first value of a wrong type and forgets the rest. [`Field`] instead remembers
//! that the value was wrong and reads on, so that one pass over the body both parses it and finds every fault; only
//! text that is not JSON is an error. Wrong values are skipped, not kept: memory stays bounded by what is expected.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What stands at a key of a JSON object.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Field<T> {
    /// The key is not there.
    #[default]
    Missing,
    /// The key is there and says null, which the contract treats like a missing one.
    Null,
    /// A value of the expected type.
    Given(T),
    /// A value of another type, named as in "found a number".
    Wrong(&'static str),
    /// The key stands there twice.
    Duplicate,
}

impl<T> Field<T> {
    /// Reads the value that `map` stands at into this field.
    pub(crate) fn read<'de, A: MapAccess<'de>>(&mut self, map: &mut A) -> Result<(), A::Error>
    where
        T: FromJson<'de>,
    {
        let value = map.next_value()?;
        *self = if matches!(self, Self::Missing) { value } else { Self::Duplicate };
        Ok(())
    }
}

/// A type that can be read from one kind of JSON value. Each kind it does not take is [`Field::Wrong`].
pub(crate) trait FromJson<'de>: Sized {
    /// The expected type in plain words, as in "expected a string".
    const EXPECTED: &'static str;

    fn from_text(_: Cow<'de, str>) -> Field<Self> {
        Field::Wrong("a string")
    }

    fn from_number(_: f64) -> Field<Self> {
        Field::Wrong("a number")
    }

    fn from_boolean(_: bool) -> Field<Self> {
        Field::Wrong("a boolean")
    }

    fn from_array<A: SeqAccess<'de>>(mut array: A) -> Result<Field<Self>, A::Error> {
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::Wrong("an array"))
    }

    fn from_object<A: MapAccess<'de>>(mut object: A) -> Result<Field<Self>, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Wrong("an object"))
    }
}

impl<'de> FromJson<'de> for Cow<'de, str> {
    const EXPECTED: &'static str = "a string";

    fn from_text(text: Cow<'de, str>) -> Field<Self> {
        Field::Given(text)
    }
}

impl<'de> FromJson<'de> for f64 {
    const EXPECTED: &'static str = "a number";

    fn from_number(number: f64) -> Field<Self> {
        Field::Given(number)
    }
}

impl<'de> FromJson<'de> for bool {
    const EXPECTED: &'static str = "true or false";

    fn from_boolean(boolean: bool) -> Field<Self> {
        Field::Given(boolean)
    }
}

/// The first elements of a JSON array and how many there were.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct List<T, const KEPT: usize> {
    /// At most `KEPT` elements; what follows is counted and dropped, so that a hostile array costs no memory.
    pub(crate) kept: Vec<T>,
    /// Elements in the text.
    pub(crate) total: usize,
}

impl<'de, T: FromJson<'de>, const KEPT: usize> FromJson<'de> for List<Field<T>, KEPT> {
    const EXPECTED: &'static str = "an array";

    fn from_array<A: SeqAccess<'de>>(mut array: A) -> Result<Field<Self>, A::Error> {
        let mut list = Self { kept: Vec::new(), total: 0 };
        while list.kept.len() < KEPT {
            let Some(element) = array.next_element()? else {
                break;
            };
            list.kept.push(element);
        }
        list.total = list.kept.len();
        while list.kept.len() == KEPT && array.next_element::<IgnoredAny>()?.is_some() {
            list.total += 1;
        }
        Ok(Field::Given(list))
    }
}

impl<'de, T: FromJson<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue(PhantomData))
    }
}

struct AnyValue<T>(PhantomData<T>);

impl<'de, T: FromJson<'de>> Visitor<'de> for AnyValue<T> {
    type Value = Field<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(T::EXPECTED)
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(T::from_text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(T::from_text(Cow::Owned(text.to_owned())))
    }

    // Every number of the contract that must be whole is below 2^53, so that f64 holds it exactly.
    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(T::from_number(number as f64))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(T::from_number(number as f64))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(T::from_number(number))
    }

    fn visit_bool<E: Error>(self, boolean: bool) -> Result<Self::Value, E> {
        Ok(T::from_boolean(boolean))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Field::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, array: A) -> Result<Self::Value, A::Error> {
        T::from_array(array)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Self::Value, A::Error> {
        T::from_object(object)
    }
}
