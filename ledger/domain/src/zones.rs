//! The rules of time zones, by name: the built-in database, or others in its place.
//!
//! Governments change those rules, sometimes within days, and the database follows with an update
//! of the program. What is journalled is civil and survives that; whoever replays a journal says by
//! which rules. Must not know what is timed.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;

/// Zones by their IANA names. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Zones(Arc<BTreeMap<String, TimeZone>>);

impl Zones {
    /// The built-in database, but with these rules under these names.
    pub fn with(changed: impl IntoIterator<Item = (String, TimeZone)>) -> Self {
        Self(Arc::new(changed.into_iter().collect()))
    }

    /// The rules under a name.
    pub fn get(&self, name: &str) -> Option<TimeZone> {
        self.0.get(name).cloned().or_else(|| TimeZone::get(name).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_rules_go_before_built_in_ones_and_hide_no_others() {
        let flat = TimeZone::posix("EET-2").unwrap();
        let zones = Zones::with([("Europe/Kyiv".to_owned(), flat.clone())]);
        assert_eq!(zones.get("Europe/Kyiv"), Some(flat));
        assert_eq!(zones.get("Africa/Cairo"), TimeZone::get("Africa/Cairo").ok());
        assert_eq!(zones.get("Europe/Kyjiv"), None);
        assert_ne!(Zones::default().get("Europe/Kyiv"), zones.get("Europe/Kyiv"));
    }
}
