//! Styles, scripts and icons: built in, compressed once, named by their hash, kept for ever.
//!
//! A module's imports are written as its neighbours' file names; here they become the addresses with
//! the hashes, so a module's own hash changes with whatever it imports. Must not know what they are for.

use std::io::Write;
use std::sync::LazyLock;

use axum::extract::{Path, State};
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};

use crate::app::Lane;
use crate::cold::Asked;
use crate::http::body::{self, Answer};
use crate::http::problem::Problem;

const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Everything that the pages load.
pub(super) struct Assets {
    /// The only stylesheet.
    pub(super) stylesheet: Asset,
    /// The icon.
    pub(super) icon: Asset,
    /// The icon in squares of so many pixels, for what is installed.
    pub(super) icon_192: Asset,
    /// As above.
    pub(super) icon_512: Asset,
    /// The module of the tickets' pages.
    pub(super) tickets: Asset,
    /// The server's clock.
    pub(super) clock: Asset,
    /// Counts down to a release.
    pub(super) countdown: Asset,
    /// Solves the proof.
    pub(super) proof: Asset,
    /// The worker that it starts.
    pub(super) worker: Asset,
    /// Sends a form and says what came of it.
    pub(super) send: Asset,
    /// The module of the confirming page.
    pub(super) confirm: Asset,
    /// The module of the page that waits for a release with wishes.
    pub(super) ready: Asset,
    /// The module of a day that is not open yet.
    pub(super) release: Asset,
}

impl Assets {
    fn all(&self) -> [&Asset; 13] {
        [
            &self.stylesheet,
            &self.icon,
            &self.icon_192,
            &self.icon_512,
            &self.tickets,
            &self.clock,
            &self.countdown,
            &self.proof,
            &self.worker,
            &self.send,
            &self.confirm,
            &self.ready,
            &self.release,
        ]
    }
}

/// One built-in file.
pub(super) struct Asset {
    /// Its address.
    pub(super) path: String,
    /// The name by which modules beside it import it.
    import: String,
    content_type: &'static str,
    bytes: Bytes,
    /// Empty where that is no shorter.
    zipped: Bytes,
}

/// The text of a file among the assets.
macro_rules! file {
    ($name:literal) => {
        include_str!(concat!("../../pages/assets/", $name))
    };
}

/// The bytes of a file among the assets.
macro_rules! picture {
    ($name:literal) => {
        &include_bytes!(concat!("../../pages/assets/", $name))[..]
    };
}

/// The assets.
pub(super) static ASSETS: LazyLock<Assets> = LazyLock::new(|| {
    let clock = Asset::module("clock", file!("clock.js"), &[]);
    let countdown = Asset::module("countdown", file!("countdown.js"), &[]);
    let proof = Asset::module("proof", file!("proof.js"), &[]);
    let send = Asset::module("send", file!("send.js"), &[&proof]);
    let css = "text/css; charset=utf-8";
    Assets {
        stylesheet: Asset::new(("talon", "css"), css, file!("talon.css").into()),
        icon: Asset::new(("icon", "svg"), "image/svg+xml", file!("icon.svg").into()),
        icon_192: Asset::new(("icon-192", "png"), "image/png", picture!("icon-192.png").into()),
        icon_512: Asset::new(("icon-512", "png"), "image/png", picture!("icon-512.png").into()),
        tickets: Asset::module("tickets", file!("tickets.js"), &[]),
        worker: Asset::module("proof-worker", file!("proof-worker.js"), &[]),
        confirm: Asset::module("confirm", file!("confirm.js"), &[&send]),
        ready: Asset::module("ready", file!("ready.js"), &[&clock, &countdown, &send]),
        release: Asset::module("release", file!("release.js"), &[&clock, &countdown]),
        clock,
        countdown,
        proof,
        send,
    }
});

impl Asset {
    fn new((stem, extension): (&str, &str), content_type: &'static str, bytes: Bytes) -> Self {
        let hash = Sha256::digest(&bytes);
        let zipped = gzip(&bytes, Compression::best());
        Self {
            path: format!("/assets/{stem}.{}.{extension}", hex::encode(&hash[..8])),
            import: format!("\"./{stem}.{extension}\""),
            content_type,
            zipped: if zipped.len() < bytes.len() { zipped } else { Bytes::new() },
            bytes,
        }
    }

    /// A module, with the addresses of what it imports.
    fn module(stem: &str, text: &str, imports: &[&Asset]) -> Self {
        let mut text = text.to_owned();
        for asset in imports {
            text = text.replace(&asset.import, &format!("\"{}\"", asset.path));
        }
        Self::new((stem, "js"), JAVASCRIPT, text.into())
    }

    fn answer(&self, headers: &HeaderMap) -> Answer {
        let zipped = !self.zipped.is_empty() && takes_gzip(headers);
        let bytes = if zipped { &self.zipped } else { &self.bytes };
        let mut answer = body::answer(StatusCode::OK, self.content_type, bytes.clone());
        let headers = answer.headers_mut();
        headers.insert(header::CACHE_CONTROL, IMMUTABLE);
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        if zipped {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        answer
    }
}

/// Answers with the asset of this name; a name with another hash is another asset.
pub(super) async fn serve(
    State(lane): State<Lane>,
    Path(_): Path<String>,
    asked: Asked,
) -> Response {
    let found = ASSETS.all().into_iter().find(|asset| asset.path == asked.parts.uri.path());
    let result = found.map(|asset| asset.answer(&asked.parts.headers));
    asked.respond(&lane, result.ok_or(Problem::NotFound))
}

/// The bytes, compressed.
pub(super) fn gzip(bytes: &[u8], level: Compression) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 3), level);
    encoder.write_all(bytes).expect("memory takes all bytes");
    encoder.finish().expect("memory takes all bytes").into()
}

/// Whether the client unpacks gzip.
pub(super) fn takes_gzip(headers: &HeaderMap) -> bool {
    let all = headers.get_all(header::ACCEPT_ENCODING).iter();
    all.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(',')).any(|part| {
        let (coding, weight) = part.split_once(';').unwrap_or((part, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0));
        matches!(coding.trim(), "gzip" | "*") && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        let takes = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, text.parse().unwrap());
            takes_gzip(&headers)
        };
        assert!(takes("br, gzip") && takes("gzip;q=0.5") && takes("*"));
        assert!(!takes("br") && !takes("gzip;q=0") && !takes("identity"));
    }

    #[test]
    fn the_stylesheet_is_small_and_fetches_nothing() {
        let css = include_str!("../../pages/assets/talon.css");
        assert!(css.len() <= 20 * 1024, "{} bytes", css.len());
        assert!(!css.contains("@import") && !css.contains("url("));
    }
}
