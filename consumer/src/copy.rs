//! An event as one row of PostgreSQL's binary COPY format: a count of fields, then each field's length and bytes.
//!
//! Written once, straight from the decoded event, and never parsed again on its way to the database. Everything here
//! is bytes in memory: no I/O, no batching.

#[cfg(test)]
mod fuzz;

use std::borrow::Cow;

use schema::{Event, MatchDetails, Stage, limits};

/// The columns that an event fills, in the order of the row's fields. `created_at` is the database's own.
macro_rules! columns {
    () => {
        "id, event_type, prompt_id, session_id, \"timestamp\", context_stage, context_lens_id, context_entropy, \
         context_interaction_count, context_active_topics, context_active_moments, scoring_final_score, \
         scoring_lens_weight, scoring_topic_weight, scoring_moment_boost, scoring_base_weight, scoring_rank, \
         scoring_stage_match, outcome_dwell_time_ms, outcome_entropy_delta, outcome_follow_up_prompt_id, received_at"
    };
}
pub(crate) use columns;

/// How many fields a row has.
pub(crate) const FIELDS: usize = 22;
/// The statement that takes [`HEADER`], rows and [`TRAILER`].
pub(crate) const STATEMENT: &str =
    concat!("copy public.prompt_telemetry (", columns!(), ") from stdin (format binary)");
/// Goes before the rows: the signature, no flags, no extension.
pub(crate) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Goes after the rows.
pub(crate) const TRAILER: &[u8] = &(-1_i16).to_be_bytes();
/// The length of a field that is null.
pub(crate) const NULL: i32 = -1;
/// PostgreSQL's number for the type `text`.
pub(crate) const TEXT_OID: u32 = 25;

/// Appends the event's row to `rows`.
pub(crate) fn append_row(event: &Event<'_>, rows: &mut Vec<u8>) {
    rows.extend_from_slice(&(FIELDS as i16).to_be_bytes());
    let mut row = Row(rows);
    row.field(event.id.as_bytes());
    row.text(event.event_type.as_str());
    row.text(&event.prompt_id);
    row.text(&event.session_id);
    row.time(event.timestamp);

    let context = event.context.as_ref();
    row.optional(context.and_then(|context| context.stage).map(Stage::as_str), Row::text);
    row.optional(context.and_then(|context| context.lens_id.as_deref()), Row::text);
    row.optional(context.and_then(|context| context.entropy), Row::double);
    row.optional(context.and_then(|context| context.interaction_count), Row::integer);
    row.optional(context.and_then(|context| context.active_topics.as_deref()), Row::texts);
    row.optional(context.and_then(|context| context.active_moments.as_deref()), Row::texts);

    let scoring = event.scoring.unwrap_or_default();
    let MatchDetails { stage_match, lens_weight, topic_weight, moment_boost, base_weight, .. } =
        scoring.match_details.unwrap_or_default();
    row.optional(scoring.final_score, Row::double);
    row.optional(lens_weight, Row::double);
    row.optional(topic_weight, Row::double);
    row.optional(moment_boost, Row::double);
    row.optional(base_weight, Row::double);
    row.optional(scoring.rank, Row::integer);
    row.optional(stage_match, |row, value| row.field(&[u8::from(value)]));

    let outcome = event.outcome.as_ref();
    row.optional(outcome.and_then(|outcome| outcome.dwell_time_ms), Row::integer);
    row.optional(outcome.and_then(|outcome| outcome.entropy_delta), Row::double);
    row.optional(outcome.and_then(|outcome| outcome.follow_up_prompt_id.as_deref()), Row::text);
    row.time(event.received_at);
}

/// The fields of one row: `None` for null, else the bytes.
///
/// # Panics
/// When `row` was not written by [`append_row`].
pub(crate) fn fields(row: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    let mut rest = row.get(2..).expect("a row begins with its count of fields");
    (0..FIELDS).map(move |_| {
        let (length, after) = rest.split_first_chunk::<4>().expect("a field begins with its length");
        // Only null has a negative length.
        let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
            rest = after;
            return None;
        };
        let (value, after) = after.split_at(length);
        rest = after;
        Some(value)
    })
}

/// The end of the rows, where fields are appended.
struct Row<'b>(&'b mut Vec<u8>);

impl Row<'_> {
    fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            Some(value) => write(self, value),
            None => self.number(NULL),
        }
    }

    fn field(&mut self, value: &[u8]) {
        self.length(value.len());
        self.0.extend_from_slice(value);
    }

    fn text(&mut self, text: &str) {
        self.field(text.as_bytes());
    }

    fn double(&mut self, value: f64) {
        self.field(&value.to_be_bytes());
    }

    fn integer(&mut self, value: i32) {
        self.field(&value.to_be_bytes());
    }

    /// `milliseconds` since 1970; PostgreSQL counts microseconds since 2000, the earliest time an event can have.
    fn time(&mut self, milliseconds: i64) {
        self.field(&((milliseconds - limits::EARLIEST) * 1_000).to_be_bytes());
    }

    /// A one-dimensional array without nulls; an empty one has no dimension at all.
    fn texts(&mut self, texts: &[Cow<'_, str>]) {
        let dimensions = usize::from(!texts.is_empty());
        self.length(12 + 8 * dimensions + texts.iter().map(|text| 4 + text.len()).sum::<usize>());
        self.number(dimensions as i32);
        self.number(0); // no nulls
        self.number(TEXT_OID as i32);
        if !texts.is_empty() {
            self.length(texts.len());
            self.number(1); // the first index
        }
        for text in texts {
            self.text(text);
        }
    }

    fn length(&mut self, length: usize) {
        self.number(i32::try_from(length).expect("an event's values are limited to far less than 2 GiB"));
    }

    fn number(&mut self, number: i32) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::{FIELDS, STATEMENT, append_row, fields};

    #[test]
    fn the_statement_names_as_many_columns_as_a_row_has_fields() {
        let (_, columns) = STATEMENT.split_once('(').unwrap();
        let (columns, _) = columns.split_once(')').unwrap();
        assert_eq!(columns.split(',').count(), FIELDS);
    }

    #[test]
    fn a_rows_fields_are_found_again_and_nothing_is_left_over() {
        let value = r#"{"id":"0190163d-8694-739b-aea5-966c26f8ad91","receivedAt":946684800001,"eventType":"skip",
            "promptId":"p","sessionId":"s","timestamp":946684800000,"context":{"activeTopics":[],"activeMoments":["é"]}}"#;
        let event = schema::decode(Some(b"1"), Some(value.as_bytes())).unwrap();
        let mut row = Vec::new();
        append_row(&event, &mut row);
        let fields: Vec<_> = fields(&row).collect();
        assert_eq!(row.len(), 2 + fields.iter().map(|field| 4 + field.map_or(0, <[u8]>::len)).sum::<usize>());
        assert_eq!(fields[1], Some(&b"skip"[..]));
        assert_eq!(fields[4], Some(&0_i64.to_be_bytes()[..]));
        assert_eq!(fields[9], Some(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25][..]));
        assert_eq!(fields[10].map(|array| &array[20..]), Some(&[0, 0, 0, 2, 0xC3, 0xA9][..]));
        assert_eq!(fields[21], Some(&1_000_i64.to_be_bytes()[..]));
        assert_eq!(fields.iter().filter(|field| field.is_none()).count(), 14);
    }
}
