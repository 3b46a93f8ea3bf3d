//! The nearest known word, for refusals that help.

/// The candidate most like `word`, when one is like enough to be a slip of the hand.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LIKE_ENOUGH: f64 = 0.7;
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= LIKE_ENOUGH)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_of_the_hand_finds_the_word_meant() {
        assert_eq!(nearest("lsiten", ["listen", "hub", "data_dir"]), Some("listen"));
    }

    #[test]
    fn a_foreign_word_finds_nothing() {
        assert_eq!(nearest("zzz", ["listen", "hub"]), None);
    }
}
