//! A second reader of RFC 3339, by counting days.

/// Unix milliseconds of a time such as `2026-01-31T12:00:00.5+01:00`, cut to whole ones. A leap second is the next one's
/// first. `t`, `z` and a space for the T are taken, as RFC 3339 allows, and a real minus sign for the hyphen.
pub(crate) fn milliseconds(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| {
        let digits =
            text.get(from..to).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))?;
        digits.parse::<i64>().ok()
    };
    let marks = [(4, "-"), (7, "-"), (13, ":"), (16, ":")];
    let between = text.get(10..11)?.contains(['T', 't', ' ']);
    if !between || marks.iter().any(|(place, mark)| text.get(*place..place + 1) != Some(mark)) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let leap_year = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let february = if leap_year { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let place = usize::try_from(month - 1).ok()?;
    if !(1..=*months.get(place)?).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let leap_days = |year: i64| year / 4 - year / 100 + year / 400;
    let years = (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969);
    let days = years + months[..place].iter().sum::<i64>() + day - 1;

    let (fraction, zone) = fraction(text.get(19..)?)?;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset(zone)?;
    Some(seconds * 1_000 + fraction)
}

/// Milliseconds, and what follows them.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(text) = text.strip_prefix('.') else { return Some((0, text)) };
    let zone = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let digits = &text[..text.len() - zone.len()];
    let three: String = digits.chars().chain("00".chars()).take(3).collect();
    if digits.is_empty() { None } else { Some((three.parse().ok()?, zone)) }
}

/// Seconds to the east of Greenwich.
fn offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, zone) = match zone.strip_prefix('+') {
        Some(zone) => (1, zone),
        None => (-1, zone.strip_prefix(['-', '\u{2212}'])?),
    };
    let digits = |part: &str| {
        let two = part.len() == 2 && part.bytes().all(|digit| digit.is_ascii_digit());
        two.then(|| part.parse::<i64>().ok()).flatten()
    };
    let (hours, minutes) = zone.split_once(':')?;
    let (hours, minutes) = (digits(hours)?, digits(minutes)?);
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 3_600 + minutes * 60))
}
