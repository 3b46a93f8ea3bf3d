//! The token that an asker of the admin listener bears, as Prometheus sends it: `Authorization: Bearer …`.
//!
//! Must not know what it opens. Called by the routes, and by the programs that read and send it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::{HeaderMap, header};
use subtle::ConstantTimeEq as _;
use talon_credentials::secret::{self, BadSecret};

/// Least length of a token, in bytes.
pub const MIN_TOKEN_BYTES: usize = 32;
/// Greatest length of a token's file, in bytes.
pub const MAX_TOKEN_BYTES: u64 = 4096;

/// Why a token is refused; each says which file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum BadToken {
    /// Its file.
    #[error(transparent)]
    Secret(#[from] BadSecret),
    /// Too short to be a secret.
    #[error("{}: {length} characters; a token has at least {MIN_TOKEN_BYTES} random ones", path.display())]
    Short {
        /// Which file.
        path: PathBuf,
        /// Its length.
        length: usize,
    },
    /// What cannot stand in a header.
    #[error(
        "{}: holds spaces or bytes that are no visible ASCII; `openssl rand -hex 32` makes a token",
        path.display()
    )]
    Letters {
        /// Which file.
        path: PathBuf,
    },
}

/// A token; shown to nobody.
pub struct Token(String);

/// The token that is asked for now; another one takes its place when its file is read again.
#[derive(Debug)]
pub struct CurrentToken(ArcSwap<Token>);

impl CurrentToken {
    /// Asks for this one.
    pub fn new(token: Token) -> Self {
        Self(ArcSwap::from_pointee(token))
    }

    /// Asks for another one from now on, and for the one before no more.
    pub fn replace(&self, token: Token) {
        self.0.store(Arc::new(token));
    }

    /// As [`Token::is_borne_by`].
    pub(super) fn is_borne_by(&self, headers: &HeaderMap) -> bool {
        self.0.load().is_borne_by(headers)
    }
}

impl Token {
    /// Reads a token from its file; the end of its line is not part of it.
    ///
    /// # Errors
    /// [`BadToken`].
    pub fn read(path: &Path) -> Result<Self, BadToken> {
        let bytes = secret::read(path, MAX_TOKEN_BYTES)?;
        let letters = || BadToken::Letters { path: path.to_owned() };
        let text = String::from_utf8(bytes).map_err(|_| letters())?;
        let text = text.trim_end_matches(['\r', '\n']);
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(letters());
        }
        if text.len() < MIN_TOKEN_BYTES {
            return Err(BadToken::Short { path: path.to_owned(), length: text.len() });
        }
        Ok(Self(text.to_owned()))
    }

    /// The value of the header that bears it.
    pub fn bearing(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// Whether the one header of its name bears it; how long that takes tells its length and no more.
    pub(super) fn is_borne_by(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return false };
        let Some((scheme, borne)) = value.to_str().ok().and_then(|text| text.split_once(' '))
        else {
            return false;
        };
        scheme.eq_ignore_ascii_case("bearer") && borne.as_bytes().ct_eq(self.0.as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const GOOD: &str = "0123456789abcdef0123456789abcdef";

    fn token(text: &str) -> Result<Token, BadToken> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        Token::read(&path)
    }

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn what_is_no_token_is_refused_and_none_is_shown() {
        assert!(matches!(token("short\n"), Err(BadToken::Short { length: 5, .. })));
        for text in [&format!("{GOOD} {GOOD}"), "єє0123456789abcdef0123456789abcdef", "\u{0}"] {
            assert!(matches!(token(text), Err(BadToken::Letters { .. })), "{text}");
        }
        assert!(matches!(token(&GOOD.repeat(200)), Err(BadToken::Secret(_))));
        let good = token(&format!("{GOOD}\r\n")).unwrap();
        assert_eq!((format!("{good:?}").as_str(), good.0.as_str()), ("Token(…)", GOOD));
    }

    #[test]
    fn a_token_that_was_replaced_opens_nothing() {
        let (old, new) = (token(GOOD).unwrap(), token(&GOOD.replace('0', "1")).unwrap());
        let (by_old, by_new) = (headers(&[&old.bearing()]), headers(&[&new.bearing()]));
        let current = CurrentToken::new(old);
        assert!(current.is_borne_by(&by_old) && !current.is_borne_by(&by_new));
        current.replace(new);
        assert!(!current.is_borne_by(&by_old) && current.is_borne_by(&by_new));
    }

    #[test]
    fn only_the_whole_token_in_the_only_header_is_borne() {
        let known = token(GOOD).unwrap();
        assert!(known.is_borne_by(&headers(&[&known.bearing()])));
        assert!(known.is_borne_by(&headers(&[&format!("bearer {GOOD}")])));
        let (longer, shorter) = (format!("Bearer {GOOD}0"), format!("Bearer {}", &GOOD[1..]));
        for wrong in ["", "Bearer", "Bearer ", GOOD, &longer, &shorter, &format!("Basic {GOOD}")] {
            assert!(!known.is_borne_by(&headers(&[wrong])), "{wrong}");
        }
        assert!(!known.is_borne_by(&headers(&[&known.bearing(), &known.bearing()])));
        assert!(!known.is_borne_by(&HeaderMap::new()));
    }
}
