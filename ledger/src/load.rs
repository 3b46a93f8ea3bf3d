//! Catalogues and policies from their files.
//!
//! Owns TOML and paths; the checks are those of the domain. Called by the gateway and the tools
//! at start.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use talon_domain::catalogue::Catalogue;
use talon_domain::catalogue_file::{BadCatalogue, CatalogueFile};
use talon_domain::policy_file::{BadPolicy, PolicyFile};
use talon_domain::suggest::nearest;

use crate::core::Authority;

/// Why an authority's files are refused; each says which file.
#[derive(Debug, thiserror::Error)]
pub enum BadAuthority {
    /// A file that cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that is not what TOML or its keys allow.
    #[error("{name}: {source}{}", slip(.source.message()))]
    Toml {
        /// Which file.
        name: String,
        /// Why, with line and column.
        source: Box<toml::de::Error>,
    },
    /// A catalogue that fails a check.
    #[error("{name}: {source}")]
    Catalogue {
        /// Which file.
        name: String,
        /// Why.
        source: Box<BadCatalogue>,
    },
    /// A policy that fails a check.
    #[error("{name}: {source}")]
    Policy {
        /// Which file.
        name: String,
        /// Why.
        source: Box<BadPolicy>,
    },
}

/// Reads an authority's catalogue and policy from two files.
///
/// # Errors
/// [`BadAuthority`], with the file's name.
pub fn authority(catalogue: &Path, policy: &Path) -> Result<Authority, BadAuthority> {
    let read = |path: &Path| {
        std::fs::read_to_string(path)
            .map_err(|source| BadAuthority::Unreadable { path: path.to_owned(), source })
    };
    let (catalogue_text, policy_text) = (read(catalogue)?, read(policy)?);
    parse(
        (&catalogue.display().to_string(), &catalogue_text),
        (&policy.display().to_string(), &policy_text),
    )
}

/// Reads an authority from two texts, each with a name for messages.
///
/// # Errors
/// [`BadAuthority`], with the text's name.
pub fn parse(
    (catalogue_name, catalogue): (&str, &str),
    (policy_name, policy): (&str, &str),
) -> Result<Authority, BadAuthority> {
    let digest = digest(catalogue, policy);
    let catalogue: CatalogueFile = toml(catalogue_name, catalogue)?;
    let catalogue = Catalogue::try_from(catalogue).map_err(|source| BadAuthority::Catalogue {
        name: catalogue_name.to_owned(),
        source: Box::new(source),
    })?;
    let policy: PolicyFile = toml(policy_name, policy)?;
    let policy = policy.check(&catalogue).map_err(|source| BadAuthority::Policy {
        name: policy_name.to_owned(),
        source: Box::new(source),
    })?;
    Ok(Authority { catalogue: Arc::new(catalogue), policy, digest })
}

/// Over both texts, each with its length before it.
fn digest(catalogue: &str, policy: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    for text in [catalogue, policy] {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.finalize().into()
}

/// The known key nearest to an unknown one, from the words of the refusal.
fn slip(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = quoted.next().filter(|_| message.starts_with("unknown field"));
    let nearest = unknown.and_then(|unknown| nearest(unknown, quoted));
    nearest.map(|key| format!("did you mean `{key}`?")).unwrap_or_default()
}

fn toml<T: serde::de::DeserializeOwned>(name: &str, text: &str) -> Result<T, BadAuthority> {
    ::toml::from_str(text)
        .map_err(|source| BadAuthority::Toml { name: name.to_owned(), source: Box::new(source) })
}
