//! Shadow mode: limits that only count whom they would refuse.
//!
//! Owns which of the gateway's limits are in it. The limits of a policy have their mode in the policy. Must
//! not know how a limit is judged. Called wherever the gateway refuses for a limit of its own.

use talon_telemetry::{handles, table};

use crate::config::Shadowed;
use crate::http::problem::Problem;

/// The limits in shadow mode.
#[derive(Clone, Debug, Default)]
pub struct Shadows(Vec<Shadowed>);

impl Shadows {
    /// These, and no others.
    #[must_use]
    pub fn new(shadowed: &[Shadowed]) -> Self {
        Self(shadowed.to_vec())
    }

    /// Whether a refusal for this limit is let pass; counts it then.
    #[must_use]
    pub fn lets_pass(&self, limit: Shadowed) -> bool {
        let shadowed = self.0.contains(&limit);
        if shadowed {
            handles::count(table::SHADOW_REFUSALS, [("limit", name(limit))]);
        }
        shadowed
    }

    /// The judgement of a limit, or none when it refuses in shadow mode.
    ///
    /// # Errors
    /// The refusal, when it is enforced.
    pub fn judge(&self, limit: Shadowed, judged: Result<(), Problem>) -> Result<(), Problem> {
        match judged {
            Err(_) if self.lets_pass(limit) => Ok(()),
            judged => judged,
        }
    }
}

/// The name in metrics and in the configuration.
fn name(limit: Shadowed) -> &'static str {
    match limit {
        Shadowed::WriteRate => "write-rate",
        Shadowed::ReadRate => "read-rate",
        Shadowed::PersonFence => "person-fence",
        Shadowed::AddressFence => "address-fence",
        Shadowed::LoginFence => "login-fence",
        Shadowed::Proof => "proof",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_is_let_pass() {
        let shadows = Shadows::new(&[Shadowed::WriteRate]);
        let refused = || Err(Problem::Overloaded);
        assert_eq!(shadows.judge(Shadowed::WriteRate, refused()), Ok(()));
        assert_eq!(shadows.judge(Shadowed::ReadRate, refused()), refused());
        assert_eq!(shadows.judge(Shadowed::ReadRate, Ok(())), Ok(()));
    }

    #[test]
    fn metrics_name_a_limit_as_the_configuration_does() {
        use Shadowed::{AddressFence, LoginFence, PersonFence, Proof, ReadRate, WriteRate};
        for limit in [WriteRate, ReadRate, PersonFence, AddressFence, LoginFence, Proof] {
            assert_eq!(serde_json::to_value(limit).unwrap(), name(limit));
        }
    }
}
