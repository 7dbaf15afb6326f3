//! The figures as one table: on the terminal, and with all that a reader needs as a page of the documentation.
//!
//! Knows nothing of how they were measured, but the notes that say so.

use std::fs;
use std::path::PathBuf;

use comfy_table::{Table, presets};
use local::console::say;
use local::error::Error;

use crate::clock::{extremes, median};
use crate::config::{Options, Rung};
use crate::machine;
use crate::rungs::{Climbed, freshness, growth, intake, read, scale_out, write};

const HEADINGS: [&str; 8] =
    ["rung", "case", "ours", "limit", "result", "goal", "met", "CPU s per million events"];
const COMPLETE_REPORT: &str = "docs/benchmarks.md";

/// What a figure should be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
    /// Less than this.
    Below(f64),
    /// Nothing; it is there to be looked at.
    None,
}

impl Goal {
    fn is_met(self, value: f64) -> Option<bool> {
        match self {
            Goal::AtLeast(goal) => Some(value >= goal),
            Goal::AtMost(goal) => Some(value <= goal),
            Goal::Below(goal) => Some(value < goal),
            Goal::None => None,
        }
    }

    fn text(self, unit: &str) -> String {
        match self {
            Goal::AtLeast(goal) => format!("≥ {goal}{unit}"),
            Goal::AtMost(goal) => format!("≤ {goal}{unit}"),
            Goal::Below(goal) => format!("< {goal}{unit}"),
            Goal::None => "–".to_owned(),
        }
    }
}

/// A line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    cells: [String; HEADINGS.len()],
    met: Option<bool>,
    hindrance: Option<&'static str>,
}

impl Row {
    /// A line without figures yet.
    pub fn new(rung: Rung, case: impl Into<String>) -> Row {
        let mut cells = [const { String::new() }; HEADINGS.len()];
        cells[0] = rung.name().to_owned();
        cells[1] = case.into();
        Row { cells, met: None, hindrance: None }
    }

    /// What was measured, and what stood beside it.
    #[must_use]
    pub fn compare(mut self, ours: impl Into<String>, limit: impl Into<String>) -> Row {
        self.cells[2] = ours.into();
        self.cells[3] = limit.into();
        self
    }

    /// The figure of each round; the median is what counts.
    ///
    /// # Panics
    /// When there are none.
    #[must_use]
    pub fn result(mut self, rounds: &[f64], goal: Goal, unit: &str) -> Row {
        let middle = median(rounds);
        let (lowest, highest) = extremes(rounds);
        self.cells[4] = format!("{}{unit}", figure(middle));
        if rounds.len() > 1 {
            self.cells[4] += &format!(" ({} to {})", figure(lowest), figure(highest));
        }
        self.met = goal.is_met(middle);
        self.cells[5] = goal.text(unit);
        let word = match self.met {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "–",
        };
        self.cells[6] = word.to_owned();
        self
    }

    /// What stands in the way where the goal is missed, by a profile, and what was tried.
    #[must_use]
    pub fn hindrance(mut self, hindrance: &'static str) -> Row {
        self.hindrance = Some(hindrance);
        self
    }

    /// Where the CPU went.
    #[must_use]
    pub fn cpu(mut self, cpu: impl Into<String>) -> Row {
        self.cells[7] = cpu.into();
        self
    }
}

/// Three digits or so: more would not be true.
fn figure(value: f64) -> String {
    match value.abs() {
        size if size < 10.0 && size.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 100.0 => thousands(value),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A whole number with commas, such as `12,345`.
pub fn thousands(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = if value <= -0.5 { "-".to_owned() } else { String::new() };
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Prints the table, and writes the page where it is wanted.
///
/// # Errors
/// When the page can't be written.
pub fn publish(options: &Options, climbed: &Climbed) -> Result<(), Error> {
    let mut table = table(climbed, presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    say(format!("\n{}", table.to_string().replace("**", "")));
    say(summary(climbed));
    let complete = options.is_complete().then(|| local::place::root().join(COMPLETE_REPORT));
    let Some(path) = options.out.clone().or(complete) else { return Ok(()) };
    write_page(&path, &page(options, climbed))?;
    say(format!("written to {}", path.display()));
    Ok(())
}

fn write_page(path: &PathBuf, page: &str) -> Result<(), Error> {
    fs::write(path, page).map_err(Error::file("write", path))
}

fn table(climbed: &Climbed, preset: &str) -> Table {
    let mut table = Table::new();
    table.load_preset(preset).set_header(HEADINGS);
    for row in &climbed.rows {
        table.add_row(&row.cells);
    }
    table
}

fn summary(climbed: &Climbed) -> String {
    let met = climbed.rows.iter().filter(|row| row.met == Some(true)).count();
    let missed: Vec<String> = climbed
        .rows
        .iter()
        .filter(|row| row.met == Some(false))
        .map(|row| format!("{} ({})", row.cells[0], row.cells[1]))
        .collect();
    match missed.as_slice() {
        [] => format!("Goals met: {met}; none is missed."),
        _ => format!("Goals met: {met}; missed: {}: {}.", missed.len(), missed.join("; ")),
    }
}

fn page(options: &Options, climbed: &Climbed) -> String {
    let mut page = "# Benchmarks\n\nEvery figure is the median of several rounds, with the lowest and the highest round \
        in brackets. A ratio is taken within each round, against a limit that was measured in the same round, in random \
        order: machines are noisy, ratios less so. Times are CPU seconds, user and system. This page is written by \
        `make bench`; figures are only as measured.\n\n"
        .to_owned();
    for line in machine::description(&climbed.postgres) {
        page += &format!("- {line}\n");
    }
    page += &format!("- rounds: {}\n", options.rounds);
    if options.scale < 1.0 {
        page += &format!("- **a trial at {} of the full size: these figures mean nothing**\n", options.scale);
    }
    if cfg!(debug_assertions) {
        page += "- **not built for release: these figures mean nothing**\n";
    }
    page += &format!("\n{}\n\n{}\n", table(climbed, presets::ASCII_MARKDOWN), summary(climbed));
    page += &shortfalls(climbed);
    page += "\n## How each is measured\n\n";
    for (rung, note) in notes().into_iter().filter(|(rung, _)| options.wants(*rung)) {
        page += &format!("**{}**: {note}\n\n", rung.name());
    }
    page.trim_end().to_owned() + "\n"
}

/// A paragraph for each goal that is missed.
fn shortfalls(climbed: &Climbed) -> String {
    let missed = climbed.rows.iter().filter(|row| row.met == Some(false));
    let paragraphs = missed.map(|row| {
        let [rung, case, .., result, goal, _, _] = &row.cells;
        let why = row.hindrance.unwrap_or("No profile was taken yet.");
        format!("**{rung}, {case}** ({result}; goal {goal}): {why}\n")
    });
    let paragraphs: Vec<String> = paragraphs.collect();
    match paragraphs.as_slice() {
        [] => String::new(),
        _ => format!("\n## What is missed, and why\n\n{}", paragraphs.join("\n")),
    }
}

fn notes() -> [(Rung, &'static str); 6] {
    [
        (Rung::Intake, intake::NOTE),
        (Rung::Write, write::NOTE),
        (Rung::Read, read::NOTE),
        (Rung::Freshness, freshness::NOTE),
        (Rung::Growth, growth::NOTE),
        (Rung::ScaleOut, scale_out::NOTE),
    ]
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::config::{Cli, Rung};
    use crate::report::{Goal, Row, page, summary, thousands};
    use crate::rungs::Climbed;

    #[test]
    fn the_median_decides_and_a_missed_goal_is_named() {
        let good = Row::new(Rung::Write, "a").result(&[0.7, 0.9, 0.8], Goal::AtLeast(0.8), "×");
        let bad =
            Row::new(Rung::Read, "b").result(&[1.1, 1.3, 1.3], Goal::AtMost(1.2), "×").hindrance("Because.");
        assert_eq!((good.met, bad.met), (Some(true), Some(false)));
        assert_eq!(good.cells[4], "0.80× (0.70 to 0.90)");
        let climbed = Climbed { rows: vec![good, bad], postgres: "15.1".to_owned() };
        assert_eq!(summary(&climbed), "Goals met: 1; missed: 1: read (b).");
        let options = Cli::parse_from(["bench", "--only", "read", "--scale", "0.5"]).options;
        let page = page(&options, &climbed);
        assert!(page.contains("PostgreSQL 15.1") && page.contains("mean nothing") && page.contains("**no**"));
        assert!(page.contains("**read, b** (1.30× (1.10 to 1.30); goal ≤ 1.2×): Because."), "{page}");
        assert!(page.contains("**read**:") && !page.contains("**write**:"));
    }

    #[test]
    fn below_is_less_than_at_most() {
        assert_eq!(Goal::Below(50.0).is_met(50.0), Some(false));
        assert_eq!(Goal::AtMost(50.0).is_met(50.0), Some(true));
        assert_eq!(Goal::None.is_met(1.0), None);
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let texts = [0.4, 999.0, 1_000.0, 1_234_567.0, -12_345.0].map(thousands);
        assert_eq!(texts, ["0", "999", "1,000", "1,234,567", "-12,345"]);
    }
}
