//! How the pages look to one reader: the size of letters and the contrast, kept in a cookie.
//!
//! The page carries the choice as attributes of its root, so one stylesheet does for everybody and a
//! page stays the same for all who have chosen the same (most: nothing). Light and dark need no
//! choice here: the stylesheet follows the device. Must not know what is on the page.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, header};
use serde::Deserialize;

use super::claim_form::read_form;
use crate::app::Lane;
use crate::caller::check_origin;
use crate::cold::{Asked, redirect};
use crate::http::body::Answer;
use crate::http::problem::Problem;
use crate::identity::cookies::{self, Cookies};
use crate::identity::login::local_path;

/// How long the choice is remembered: a year.
const REMEMBERED_S: u64 = 365 * 24 * 60 * 60;
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
    let result = remember(&lane, &asked, body).await;
    asked.respond(&lane, result)
}

async fn remember(lane: &Lane, asked: &Asked, body: Body) -> Result<Answer, Problem> {
    let headers = &asked.parts.headers;
    check_origin(&lane.app, headers, &asked.parts.uri)?;
    let form: Form = read_form(asked, body).await?;
    let chosen = Appearance::of_request(headers, &lane.app.cookies).changed(form.change);
    let mut answer = redirect(local_path(&form.return_path));
    let cookie = lane.app.cookies.write(cookies::APPEARANCE, &chosen.text(), REMEMBERED_S);
    answer.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(answer)
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
