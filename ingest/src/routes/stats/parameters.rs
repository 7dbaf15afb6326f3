//! The parameters of the read routes: what each may be, and what to say when it is not.

use std::collections::BTreeSet;

use schema::{FaultCode, Stage, limits};
use utoipa::IntoParams;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use crate::queries::{Lens, Listing, Slice};
use crate::routes::parameters::Parameters;

/// Each name that `sort` takes, twice where it has two words, and the view's column.
const SORTS: &[(&str, &str, &str)] = &[
    ("promptId", "prompt_id", "prompt_id collate \"C\""),
    ("impressions", "impressions", "impressions"),
    ("selections", "selections", "selections"),
    ("completions", "completions", "completions"),
    ("selectionRate", "selection_rate", "selection_rate"),
    ("avgEntropyDelta", "avg_entropy_delta", "avg_entropy_delta"),
    ("avgDwellTimeMs", "avg_dwell_time_ms", "avg_dwell_time_ms"),
    ("lastSurfaced", "last_surfaced", "last_surfaced"),
];

/// Which events count, for the description.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it only describes the parameters; they are read by `Parameters`")]
pub struct SliceParameters {
    /// Only events under this lens; `none` for events without one.
    #[param(required = false, max_length = 128, pattern = "^[^\\u0000]*$")]
    lens: String,
    /// Only events whose lens has exactly this id, even when that is `none`. With `lens`, both must hold.
    #[param(required = false, rename = "lensId", max_length = 128, pattern = "^[^\\u0000]*$")]
    lens_id: String,
    /// Only events at this stage.
    #[param(required = false, inline)]
    stage: Stage,
}

/// What to list, for the description.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it only describes the parameters; they are read by `Parameters`")]
pub struct ListParameters {
    /// Prompts on a page.
    #[param(required = false, minimum = 1, maximum = 500, default = 50)]
    limit: i64,
    /// Prompts to skip.
    #[param(required = false, minimum = 0, maximum = 2_147_483_647, default = 0)]
    offset: i64,
    /// The field to sort by; `snake_case` works too.
    #[param(required = false, schema_with = sort_schema)]
    sort: String,
    /// `asc` or `desc`.
    #[param(required = false, schema_with = order_schema)]
    order: String,
    /// Only prompts whose id contains this text. Case does not matter, nor how letters are composed (NFKD), nor characters
    /// that nobody sees.
    #[param(required = false, max_length = 256, pattern = "^[^\\u0000]*$")]
    search: String,
    /// Only prompts with at least so many impressions.
    #[param(required = false, minimum = 0, maximum = 2_147_483_647, default = 0)]
    min_impressions: i64,
    /// Only prompts whose id comes after this one in the order of `sort=promptId&order=asc`. To read a whole list page by
    /// page while it changes, pass the last id of each page.
    #[param(required = false, max_length = 256, pattern = "^[^\\u0000]*$")]
    after: String,
}

fn sort_schema() -> Object {
    let names = SORTS.iter().flat_map(|(camel, snake, _)| [*camel, *snake]);
    let names = names.collect::<BTreeSet<_>>().into_iter().collect();
    words("The field to sort by, in either spelling.", names, "impressions")
}

fn order_schema() -> Object {
    words("Which end comes first; nulls come last either way.", vec!["asc", "desc"], "desc")
}

fn words(description: &str, words: Vec<&str>, default: &str) -> Object {
    ObjectBuilder::new()
        .description(Some(description))
        .schema_type(Type::String)
        .enum_values(Some(words))
        .default(Some(default.into()))
        .build()
}

impl Parameters {
    /// The prompt id of the query.
    pub(crate) fn prompt_id(&mut self) -> String {
        match self.take("id") {
            Some(id) => self.checked_prompt_id(Some(id)),
            None => {
                self.fault("id", FaultCode::Required, "the prompt's id is missing: pass ?id=");
                String::new()
            }
        }
    }

    /// The prompt id of the path; `None` when it is not UTF-8.
    pub(crate) fn checked_prompt_id(&mut self, id: Option<String>) -> String {
        let Some(id) = id else {
            self.fault("id", FaultCode::WrongType, "expected UTF-8, percent-encoded");
            return String::new();
        };
        if id == "." || id == ".." {
            self.fault("id", FaultCode::NotAllowed, "a prompt id may not be . or ..");
        }
        self.text("id", id, 1..=limits::PROMPT_ID)
    }

    pub(crate) fn slice(&mut self) -> Slice {
        let lens = self.take("lens").map(|lens| match lens.as_str() {
            "none" => Lens::None,
            _ => Lens::Id(self.text("lens", lens, 0..=limits::LENS_ID)),
        });
        let id = self.take("lensId").map(|id| Lens::Id(self.text("lensId", id, 0..=limits::LENS_ID)));
        let lens = match (lens, id) {
            (Some(lens), Some(id)) if lens != id => Some(Lens::Contradiction),
            (lens, id) => lens.or(id),
        };
        let stage = self.take("stage").and_then(|stage| {
            let found = Stage::parse(&stage);
            if found.is_none() {
                self.not_allowed("stage", Stage::WORDS);
            }
            found
        });
        Slice { lens, stage }
    }

    pub(crate) fn listing(&mut self) -> Listing {
        Listing {
            limit: self.number("limit", 50, 1..=500),
            offset: self.number("offset", 0, 0..=i64::from(i32::MAX)),
            sort: self.sort(),
            descending: self.descending(),
            slice: self.slice(),
            search: self.take("search").map(|text| self.text("search", text, 0..=limits::PROMPT_ID)),
            min_impressions: self.number("min_impressions", 0, 0..=i64::from(i32::MAX)),
            after: self.take("after").map(|id| self.text("after", id, 0..=limits::PROMPT_ID)),
        }
    }

    fn sort(&mut self) -> &'static str {
        let wanted = self.take("sort").unwrap_or_else(|| "impressions".to_owned());
        let found = SORTS.iter().find(|(camel, snake, _)| wanted == *camel || wanted == *snake);
        if found.is_none() {
            let names: Vec<_> = SORTS.iter().map(|(camel, ..)| *camel).collect();
            self.not_allowed("sort", &names);
        }
        found.map_or("impressions", |(.., column)| column)
    }

    fn descending(&mut self) -> bool {
        match self.take("order").as_deref() {
            None | Some("desc") => true,
            Some("asc") => false,
            Some(_) => {
                self.not_allowed("order", &["asc", "desc"]);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Uri;

    use crate::error::ApiError;
    use crate::queries::{Lens, Listing};
    use crate::routes::parameters::Parameters;

    fn listing(query: &str) -> Result<Listing, Vec<String>> {
        let uri: Uri = format!("/list?{query}").parse().unwrap();
        let mut parameters = Parameters::of(&uri);
        let listing = parameters.listing();
        match parameters.verdict() {
            Ok(()) => Ok(listing),
            Err(ApiError::InvalidParameters(faults)) => {
                Err(faults.into_iter().map(|fault| fault.field).collect())
            }
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn without_parameters_the_most_shown_fifty_come_first() {
        let listing = listing("").unwrap();
        assert_eq!(
            (listing.limit, listing.offset, listing.sort, listing.descending),
            (50, 0, "impressions", true)
        );
        assert_eq!((listing.slice.lens, listing.slice.stage, listing.search), (None, None, None));
    }

    #[test]
    fn every_wrong_value_is_named_at_once() {
        let wrong = "limit=501&offset=-1&sort=id&order=up&stage=x&min_impressions=1.5&search=%00";
        let expected = ["limit", "offset", "sort", "order", "stage", "search", "min_impressions"];
        assert_eq!(listing(wrong).unwrap_err(), expected);
    }

    #[test]
    fn limits_hold_at_their_edges() {
        assert!(listing("limit=1").is_ok() && listing("limit=500").is_ok());
        assert!(listing("limit=0").is_err() && listing("limit=").is_err() && listing("limit=1e2").is_err());
        assert!(listing(&format!("lens={}", "é".repeat(128))).is_ok());
        assert!(listing(&format!("lens={}", "é".repeat(129))).is_err());
    }

    #[test]
    fn both_spellings_sort() {
        assert_eq!(listing("sort=selectionRate"), listing("sort=selection_rate"));
    }

    #[test]
    fn the_lens_called_none_has_a_spelling_of_its_own() {
        assert_eq!(listing("lensId=none").unwrap().slice.lens, Some(Lens::Id("none".to_owned())));
        assert_eq!(listing("lensId=").unwrap().slice.lens, Some(Lens::Id(String::new())));
        assert_eq!(listing("lens=a&lensId=a").unwrap().slice.lens, Some(Lens::Id("a".to_owned())));
        for both in ["lens=a&lensId=b", "lens=none&lensId=none"] {
            assert_eq!(listing(both).unwrap().slice.lens, Some(Lens::Contradiction), "{both}");
        }
    }

    #[test]
    fn the_lens_none_means_no_lens_and_an_empty_one_is_a_lens() {
        assert_eq!(listing("lens=none").unwrap().slice.lens, Some(Lens::None));
        assert_eq!(listing("lens=").unwrap().slice.lens, Some(Lens::Id(String::new())));
    }
}
