//! How the pages look to one reader: the size of letters and the contrast, kept in a cookie.
//!
//! The page carries the choice as attributes of its root, so one stylesheet does for everybody and a
//! page stays the same for all who have chosen the same (most: nothing). Light and dark need no
//! choice here: the stylesheet follows the device. Must not know what is on the page.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use serde::Deserialize;

use super::preference::{Chosen, remember};
use crate::app::Lane;
use crate::cold::Asked;
use crate::identity::cookies::{self, Cookies};

/// The largest size; the stylesheet has a rule for each.
const MAX_SIZE: u8 = 4;

/// What a reader has chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Appearance {
    /// 0 is what the device says; each step is larger.
    pub(super) size: u8,
    /// Whether black, white and yellow do instead of colours.
    pub(super) high_contrast: bool,
}

impl Appearance {
    /// By the reader's cookie; one that is not ours counts as none.
    pub(super) fn of_request(headers: &HeaderMap, cookies: &Cookies) -> Self {
        let text = cookies.read(headers, cookies::APPEARANCE).unwrap_or("");
        Self::parse(text).unwrap_or_default()
    }

    fn parse(text: &str) -> Option<Self> {
        let (text, high_contrast) = match text.strip_suffix('c') {
            Some(text) => (text, true),
            None => (text, false),
        };
        let size = text.parse().ok().filter(|size| *size <= MAX_SIZE)?;
        Some(Self { size, high_contrast })
    }

    fn text(self) -> String {
        format!("{}{}", self.size, if self.high_contrast { "c" } else { "" })
    }

    fn changed(self, change: Change) -> Self {
        match change {
            Change::Larger => Self { size: (self.size + 1).min(MAX_SIZE), ..self },
            Change::Smaller => Self { size: self.size.saturating_sub(1), ..self },
            Change::HighContrast => Self { high_contrast: true, ..self },
            Change::Colours => Self { high_contrast: false, ..self },
        }
    }
}

/// One press of a button.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Change {
    Larger,
    Smaller,
    HighContrast,
    Colours,
}

#[derive(Deserialize)]
struct Form {
    change: Change,
    #[serde(rename = "return", default)]
    return_path: String,
}

/// `POST /appearance`.
pub(super) async fn choose(State(lane): State<Lane>, asked: Asked, body: Body) -> Response {
    let before = Appearance::of_request(&asked.parts.headers, &lane.app.cookies);
    let choose = |form: Form| {
        let text = before.changed(form.change).text();
        Ok(Chosen { text, return_path: form.return_path })
    };
    remember(&lane, &asked, body, cookies::APPEARANCE, choose).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_read_as_it_was_written_and_anything_else_is_none() {
        for size in 0..=MAX_SIZE {
            for high_contrast in [false, true] {
                let chosen = Appearance { size, high_contrast };
                assert_eq!(Appearance::parse(&chosen.text()), Some(chosen));
            }
        }
        for wrong in ["", "c", "5", "-1", "1cc", "1 c", "<b>"] {
            assert_eq!(Appearance::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn letters_grow_and_shrink_within_bounds() {
        let mut chosen = Appearance::default();
        for _ in 0..10 {
            chosen = chosen.changed(Change::Larger);
        }
        assert_eq!(chosen.size, MAX_SIZE);
        assert_eq!(chosen.changed(Change::Smaller).size, MAX_SIZE - 1);
        assert_eq!(Appearance::default().changed(Change::Smaller), Appearance::default());
        let contrast = chosen.changed(Change::HighContrast);
        assert_eq!((contrast.size, contrast.high_contrast), (MAX_SIZE, true));
        assert_eq!(contrast.changed(Change::Colours), chosen);
    }
}
