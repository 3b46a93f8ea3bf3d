//! Styles, scripts and the icon: built in, compressed once, named by their hash, kept for ever.
//!
//! Must not know what they are for.

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

/// Everything that the pages load.
pub(super) struct Assets {
    /// The only stylesheet.
    pub(super) stylesheet: Asset,
    /// The icon.
    pub(super) icon: Asset,
    /// The module of the confirming page.
    pub(super) proof: Asset,
    /// The worker that it starts.
    pub(super) worker: Asset,
}

/// One built-in file.
pub(super) struct Asset {
    /// Its address.
    pub(super) path: String,
    content_type: &'static str,
    bytes: Bytes,
    zipped: Bytes,
}

/// The assets.
pub(super) static ASSETS: LazyLock<Assets> = LazyLock::new(|| Assets {
    stylesheet: Asset::new(
        ("talon", "css"),
        "text/css; charset=utf-8",
        include_str!("../../pages/assets/talon.css"),
    ),
    icon: Asset::new(("icon", "svg"), "image/svg+xml", include_str!("../../pages/assets/icon.svg")),
    proof: Asset::new(
        ("proof", "js"),
        "text/javascript; charset=utf-8",
        include_str!("../../pages/assets/proof.js"),
    ),
    worker: Asset::new(
        ("proof-worker", "js"),
        "text/javascript; charset=utf-8",
        include_str!("../../pages/assets/proof-worker.js"),
    ),
});

impl Asset {
    fn new(
        (stem, extension): (&str, &str),
        content_type: &'static str,
        text: &'static str,
    ) -> Self {
        let hash = Sha256::digest(text.as_bytes());
        Self {
            path: format!("/assets/{stem}.{}.{extension}", hex::encode(&hash[..8])),
            content_type,
            bytes: Bytes::from_static(text.as_bytes()),
            zipped: gzip(text.as_bytes(), Compression::best()),
        }
    }

    fn answer(&self, headers: &HeaderMap) -> Answer {
        let zipped = takes_gzip(headers);
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
    let Assets { stylesheet, icon, proof, worker } = &*ASSETS;
    let found =
        [stylesheet, icon, proof, worker].into_iter().find(|a| a.path == asked.parts.uri.path());
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
        assert!(css.len() <= 10 * 1024, "{} bytes", css.len());
        assert!(!css.contains("@import") && !css.contains("url("));
    }
}
