//! Pages that are the same for many, kept for a moment: a crowd that looks at one calendar costs one
//! rendering each [`KEPT_FOR`].
//!
//! They are told apart by address, language and appearance, and by nothing else: what is personal must
//! never come here.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use moka::sync::Cache;

use super::appearance::Appearance;
use crate::first_free::FirstFree;
use crate::http::language::Language;

/// How old a page may be.
pub(super) const KEPT_FOR: Duration = Duration::from_millis(100);
/// Most bytes of all pages that are kept; at it, those that are asked for least go.
pub(super) const MAX_KEPT_BYTES: u64 = 32 * 1024 * 1024;

/// What tells one page from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Which {
    /// Path and query.
    pub(super) address: String,
    /// The reader's language.
    pub(super) language: Language,
    /// What the reader has chosen.
    pub(super) appearance: Appearance,
}

/// A page, ready to be sent.
pub(super) struct Kept {
    /// As it is.
    pub(super) html: Bytes,
    /// Compressed; empty where that is no shorter.
    pub(super) zipped: Bytes,
    /// Its tag.
    pub(super) tag: HeaderValue,
}

impl Kept {
    fn weight(which: &Which, page: &Arc<Self>) -> u32 {
        let bytes = which.address.len() + page.html.len() + page.zipped.len();
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

/// The pages that are kept, and what goes into many of them.
pub struct KeptPages {
    pages: Cache<Which, Arc<Kept>>,
    /// The first free days of offices.
    pub(crate) first_free: FirstFree,
}

impl Default for KeptPages {
    fn default() -> Self {
        let kept = Cache::builder().max_capacity(MAX_KEPT_BYTES).weigher(Kept::weight);
        let pages = kept.time_to_live(KEPT_FOR).build();
        Self { pages, first_free: FirstFree::default() }
    }
}

impl KeptPages {
    /// The page, if it is kept.
    pub(super) fn find(&self, which: &Which) -> Option<Arc<Kept>> {
        self.pages.get(which)
    }

    /// Keeps a page.
    pub(super) fn keep(&self, which: Which, page: Arc<Kept>) {
        self.pages.insert(which, page);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn which(number: usize) -> Which {
        let appearance = Appearance::default();
        Which { address: format!("/{number:04}"), language: Language::Uk, appearance }
    }

    #[test]
    fn all_pages_together_keep_to_their_bytes() {
        // The same without an end, so that only the bound takes pages away.
        let kept = Cache::builder().max_capacity(MAX_KEPT_BYTES).weigher(Kept::weight).build();
        let pages = KeptPages { pages: kept, ..KeptPages::default() };
        let html = Bytes::from(vec![b' '; 1024 * 1024]);
        for number in 0..64 {
            let (zipped, tag) = (Bytes::new(), HeaderValue::from_static("\"x\""));
            pages.keep(which(number), Arc::new(Kept { html: html.clone(), zipped, tag }));
        }
        pages.pages.run_pending_tasks();
        assert!(pages.pages.weighted_size() <= MAX_KEPT_BYTES, "{}", pages.pages.weighted_size());
        let found = (0..64).filter(|number| pages.find(&which(*number)).is_some()).count();
        assert!((1..32).contains(&found), "{found} pages of a MiB and a little");
    }
}
