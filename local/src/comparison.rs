//! Every aggregate of the sample, as the API answers it, against the truth: the list, each prompt, each lens.

use crate::api::Api;
use crate::error::Error;
use crate::sample::Happening;
use crate::truth;

/// Asks for everything and answers with each difference as a line; none means that all is as it should be.
///
/// # Errors
/// When the API does not answer as agreed.
pub async fn run(api: &Api, happenings: &[Happening]) -> Result<Vec<String>, Error> {
    let mut differences = Vec::new();
    for lens in [None, Some("random"), Some("bts"), Some("none")] {
        let events = happenings.iter().filter(|happening| lens.is_none_or(|lens| happening.lens == lens));
        let expected = truth::count(events);
        let filter = lens.map(|lens| format!("lens={lens}")).unwrap_or_default();
        let found = api.performance(&format!("limit=500&{filter}")).await?;
        let mut lines = truth::differences(&expected, &found.prompts);
        if found.total != expected.len() as u64 {
            lines.push(format!("the total is {}, not {}", found.total, expected.len()));
        }
        for stats in &expected {
            let alone = api.stats(&stats.prompt_id, &filter).await?;
            lines.extend(truth::differences(std::slice::from_ref(stats), &[alone]));
        }
        let where_from = lens.map_or_else(|| "all lenses".to_owned(), |lens| format!("lens {lens}"));
        differences.extend(lines.into_iter().map(|line| format!("{where_from}: {line}")));
    }
    Ok(differences)
}
