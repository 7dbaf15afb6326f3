//! A row of counts that is not what the events, or other counts, come to.

use std::fmt;

use sqlx::PgConnection;

const OF_DAYS: &str = "select place, day::text, to_char(hour at time zone time_zone, 'HH24:MI'), prompt_id, lens, stage, \
                       counted::text, kept::text from public.prompt_day_differences($1::date, $2::date) cross join \
                       public.prompt_calendar order by day, hour, prompt_id, lens, stage";
const OF_SUMS: &str = "select place, null, null, prompt_id, lens, stage, counted::text, kept::text \
                       from public.prompt_sum_differences() order by place, prompt_id, lens, stage";

/// A row of counts, what it says and what it should say. `None`: there is no such row, or should be none.
#[derive(Debug)]
pub(crate) struct Difference {
    place: String,
    day: Option<String>,
    hour: Option<String>,
    prompt_id: String,
    lens: String,
    stage: String,
    counted: Option<String>,
    kept: Option<String>,
}

/// The rows of hours and days in this range of days that differ from the events.
///
/// # Errors
/// The database's.
pub(crate) async fn of_days(
    connection: &mut PgConnection,
    first: &str,
    past: &str,
) -> Result<Vec<Difference>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(OF_DAYS).bind(first).bind(past).fetch_all(connection).await?;
    Ok(rows.into_iter().map(Difference::from).collect())
}

/// The rows of all time that differ from their hours and days, or from their slices.
///
/// # Errors
/// The database's.
pub(crate) async fn of_sums(connection: &mut PgConnection) -> Result<Vec<Difference>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(OF_SUMS).fetch_all(connection).await?;
    Ok(rows.into_iter().map(Difference::from).collect())
}

type Row = (String, Option<String>, Option<String>, String, String, String, Option<String>, Option<String>);

impl From<Row> for Difference {
    fn from((place, day, hour, prompt_id, lens, stage, counted, kept): Row) -> Self {
        Self { place, day, hour, prompt_id, lens, stage, counted, kept }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: prompt {:?}", self.place, self.prompt_id)?;
        if self.place != "prompt_overall" {
            match self.lens.strip_prefix('=') {
                Some(lens) => write!(formatter, ", lens {lens:?}")?,
                None => write!(formatter, ", no lens")?,
            }
            match self.stage.as_str() {
                "" => write!(formatter, ", no stage")?,
                stage => write!(formatter, ", stage {stage}")?,
            }
        }
        if let Some(day) = &self.day {
            write!(formatter, ", {day}")?;
        }
        if let Some(hour) = &self.hour {
            write!(formatter, " {hour}")?;
        }
        match (&self.counted, &self.kept) {
            (Some(counted), Some(kept)) => {
                for (name, is, should) in unequal(kept, counted) {
                    write!(formatter, "; {name} is {is}, should be {should}")?;
                }
                Ok(())
            }
            (Some(_), None) => write!(formatter, "; the row is missing"),
            (None, _) => write!(formatter, "; the row should not be there"),
        }
    }
}

/// The fields in which two JSON objects differ.
fn unequal(kept: &str, counted: &str) -> Vec<(String, serde_json::Value, serde_json::Value)> {
    let object = |text| serde_json::from_str::<serde_json::Map<_, _>>(text).unwrap_or_default();
    let counted = object(counted);
    let fields = object(kept).into_iter();
    fields
        .filter_map(|(name, is)| {
            let should = counted.get(&name)?;
            (is != *should).then(|| (name, is, should.clone()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Difference;

    #[test]
    fn a_difference_names_the_row_and_each_count() {
        let difference = Difference::from((
            "prompt_hour".to_owned(),
            Some("2026-11-22".to_owned()),
            Some("05:45".to_owned()),
            "p".to_owned(),
            "=".to_owned(),
            String::new(),
            Some(r#"{"skips":1,"impressions":2,"selections":3}"#.to_owned()),
            Some(r#"{"skips":1,"impressions":4,"selections":0}"#.to_owned()),
        ));
        assert_eq!(
            difference.to_string(),
            "prompt_hour: prompt \"p\", lens \"\", no stage, 2026-11-22 05:45; impressions is 4, should be 2; \
             selections is 0, should be 3"
        );
    }
}
