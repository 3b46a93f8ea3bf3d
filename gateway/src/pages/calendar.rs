//! A visit as a calendar file (RFC 5545), to be added to whatever calendar a device has.
//!
//! Moments are in UTC: that is right in every zone without telling the reader's program the rules of
//! the office's. Must not know who visits.

use talon_domain::civil::{MICROS_PER_SECOND, UtcMicros};

/// Longest line without its end, in bytes.
const MAX_LINE_BYTES: usize = 75;
const SECONDS_PER_MINUTE: i64 = 60;

/// A visit.
pub(super) struct Event<'a> {
    /// The booking's id.
    pub(super) id: &'a str,
    /// When the file is made.
    pub(super) now: UtcMicros,
    /// When it begins.
    pub(super) starts_at: UtcMicros,
    /// How long it lasts.
    pub(super) minutes: u16,
    /// In a few words.
    pub(super) summary: String,
    /// Where.
    pub(super) location: String,
    /// What else to know.
    pub(super) description: String,
}

impl Event<'_> {
    /// The file. A visit that moves keeps no name: the new booking is another event.
    pub(super) fn file(&self) -> String {
        let lasts = i64::from(self.minutes) * SECONDS_PER_MINUTE * MICROS_PER_SECOND;
        let ends_at = UtcMicros(self.starts_at.0 + lasts);
        let lines = [
            "BEGIN:VCALENDAR".to_owned(),
            "VERSION:2.0".to_owned(),
            "PRODID:-//Talon//Talon//UK".to_owned(),
            "BEGIN:VEVENT".to_owned(),
            format!("UID:{}@talon", self.id),
            format!("DTSTAMP:{}", moment(self.now)),
            format!("DTSTART:{}", moment(self.starts_at)),
            format!("DTEND:{}", moment(ends_at)),
            format!("SUMMARY:{}", escaped(&self.summary)),
            format!("LOCATION:{}", escaped(&self.location)),
            format!("DESCRIPTION:{}", escaped(&self.description)),
            "BEGIN:VALARM".to_owned(),
            "ACTION:DISPLAY".to_owned(),
            format!("DESCRIPTION:{}", escaped(&self.summary)),
            "TRIGGER:-P1D".to_owned(),
            "END:VALARM".to_owned(),
            "END:VEVENT".to_owned(),
            "END:VCALENDAR".to_owned(),
        ];
        lines.iter().map(|line| folded(line)).collect()
    }
}

/// `20261201T072000Z`.
fn moment(at: UtcMicros) -> String {
    at.timestamp().strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// A text with what would end it or its line written otherwise.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | ';' | ',' => safe.extend(['\\', character]),
            '\n' => safe.push_str("\\n"),
            '\r' => {}
            other => safe.push(other),
        }
    }
    safe
}

/// A line with its end; broken, where it is too long, between characters.
fn folded(line: &str) -> String {
    let mut folded = String::with_capacity(line.len() + 2);
    let mut bytes = 0;
    for character in line.chars() {
        if bytes + character.len_utf8() > MAX_LINE_BYTES {
            folded.push_str("\r\n ");
            bytes = 1;
        }
        folded.push(character);
        bytes += character.len_utf8();
    }
    folded.push_str("\r\n");
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(starts_at: i64) -> Event<'static> {
        Event {
            id: "a7",
            now: UtcMicros(1_790_000_000_000_000),
            starts_at: UtcMicros(starts_at),
            minutes: 30,
            summary: "Іспит; теорія".to_owned(),
            location: "вул. Перша, 1".to_owned(),
            description: "Візьміть\nпаспорт".to_owned(),
        }
    }

    #[test]
    fn a_visit_is_the_same_moment_in_every_zone_also_in_summer() {
        // 10:20 in Kyiv, in winter and in summer.
        let winter = event(1_796_113_200_000_000).file();
        assert!(winter.contains("\r\nDTSTART:20261201T082000Z\r\n"), "{winter}");
        assert!(winter.contains("\r\nDTEND:20261201T085000Z\r\n"), "{winter}");
        let summer = event(1_782_890_400_000_000).file();
        assert!(summer.contains("\r\nDTSTART:20260701T072000Z\r\n"), "{summer}");
    }

    #[test]
    fn texts_cannot_end_their_line() {
        let file = event(0).file();
        assert!(file.contains("SUMMARY:Іспит\\; теорія\r\n"), "{file}");
        assert!(file.contains("LOCATION:вул. Перша\\, 1\r\n"));
        assert!(file.contains("DESCRIPTION:Візьміть\\nпаспорт\r\n"));
        assert_eq!(escaped("a\\b\r\n"), "a\\\\b\\n");
    }

    #[test]
    fn lines_are_broken_between_characters_and_read_back_whole() {
        let long = "DESCRIPTION:".to_owned() + &"щастя ".repeat(60);
        let folded = folded(&long);
        assert!(folded.trim_end_matches("\r\n").split("\r\n").all(|line| line.len() <= 75));
        assert_eq!(folded.replace("\r\n ", ""), long + "\r\n");
    }

    #[test]
    fn every_line_ends_as_it_must_and_all_that_begins_ends() {
        let file = event(0).file();
        assert_eq!(file.matches('\n').count(), file.matches("\r\n").count());
        let starting =
            |word: &str| file.split("\r\n").filter(|line| line.starts_with(word)).count();
        assert_eq!((starting("BEGIN:"), starting("END:")), (3, 3));
    }
}
