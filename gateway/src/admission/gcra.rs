//! The pace of one person: the generic cell rate algorithm (GCRA), pure, with time as an argument.
//!
//! Owns the rule, its bounds and the arithmetic; `admission.lua` repeats the same arithmetic inside Redis and
//! a shared contract test holds the two together. Must not know where the state is kept. Called by the
//! embedded store and by tests as the model.

/// The longest time in which a whole burst may come back, in microseconds: one hour.
///
/// Stores forget a person's pace after this long, because by then it is the same as never seen.
pub const RATE_WINDOW_US: u64 = 3_600_000_000;

// The script packs intervals and bursts in 32 bits.
const _: () = assert!(RATE_WINDOW_US <= u32::MAX as u64);

/// A pace: one request per `emission_interval_us`, and `burst` of them at once after a rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RateRule {
    id: u8,
    emission_interval_us: u32,
    burst: u32,
}

/// Why a rate rule is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RateRuleError {
    /// The interval or the burst is zero.
    #[error("a rate needs an interval and a burst of at least 1")]
    Zero,
    /// The burst takes longer than [`RATE_WINDOW_US`] to come back.
    #[error(
        "a burst of {burst} at one per {emission_interval_us} µs takes longer than an hour to come back"
    )]
    TooSlow {
        /// The interval that was asked for, in microseconds.
        emission_interval_us: u64,
        /// The burst that was asked for.
        burst: u32,
    },
}

impl RateRule {
    /// A rule under `id`; rules with the same id share a person's state.
    ///
    /// # Errors
    /// When the interval or burst is 0, or interval × burst is over [`RATE_WINDOW_US`].
    pub fn new(id: u8, emission_interval_us: u64, burst: u32) -> Result<Self, RateRuleError> {
        if emission_interval_us == 0 || burst == 0 {
            return Err(RateRuleError::Zero);
        }
        let whole_us = emission_interval_us.checked_mul(u64::from(burst));
        match (whole_us, u32::try_from(emission_interval_us)) {
            (Some(whole_us), Ok(interval)) if whole_us <= RATE_WINDOW_US => {
                Ok(Self { id, emission_interval_us: interval, burst })
            }
            _ => Err(RateRuleError::TooSlow { emission_interval_us, burst }),
        }
    }

    /// The same of a person's paces when nobody is held to it: a request costs a microsecond of a burst that is
    /// longer than any rule's.
    #[must_use]
    pub fn unlimited(self) -> Self {
        Self { emission_interval_us: 1, burst: u32::MAX, ..self }
    }

    /// The part of this rule that one of `gateways` may give out by itself, so that all of them together
    /// give no more than the rule. A burst is never less than 1.
    #[must_use]
    pub fn shared_by(self, gateways: u32) -> Self {
        let gateways = gateways.max(1);
        let interval_us = self.emission_interval_us().saturating_mul(u64::from(gateways));
        let burst = (self.burst / gateways).max(1);
        let longest_us = RATE_WINDOW_US / u64::from(burst);
        let emission_interval_us = u32::try_from(interval_us.min(longest_us))
            .expect("a window fits 32 bits, as is checked above");
        Self { emission_interval_us, burst, ..self }
    }

    /// Which of a person's paces this is.
    #[must_use]
    pub fn id(&self) -> u8 {
        self.id
    }

    /// The time that one request costs, in microseconds.
    #[must_use]
    pub fn emission_interval_us(&self) -> u64 {
        u64::from(self.emission_interval_us)
    }

    /// How many requests may come at once after a rest.
    #[must_use]
    pub fn burst(&self) -> u32 {
        self.burst
    }

    /// How many more requests may come at once when the whole burst is back in `whole_in_us`.
    #[must_use]
    pub fn remaining(&self, whole_in_us: u64) -> u32 {
        let left = self.whole_burst_us().saturating_sub(whole_in_us) / self.emission_interval_us();
        u32::try_from(left).unwrap_or(self.burst)
    }

    /// The time after which the whole burst is back, in microseconds, for a request that is
    /// `retry_after_us` too early.
    #[must_use]
    pub fn whole_in_us(&self, retry_after_us: u64) -> u64 {
        self.whole_burst_us() - self.emission_interval_us() + retry_after_us
    }

    /// The time in which a spent burst comes back, in microseconds; at most [`RATE_WINDOW_US`].
    #[must_use]
    pub fn whole_burst_us(&self) -> u64 {
        self.emission_interval_us() * u64::from(self.burst)
    }
}

/// The request came before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{retry_after_us} µs too early")]
pub struct TooEarly {
    /// The wait after which it conforms, in microseconds; at least 1.
    pub retry_after_us: u64,
}

/// Decides one request at `now_us`, given the theoretical arrival time kept from the last charge, or
/// `None` for a person not seen.
///
/// Gives the arrival time to keep when the request is charged. An arrival time further ahead than a burst
/// can reach comes from a clock that went back or from a rule that changed: it is cut, so that nobody waits
/// longer than one interval for it.
///
/// # Errors
/// [`TooEarly`] when the burst is spent.
pub fn next_arrival(rule: &RateRule, kept_us: Option<u64>, now_us: u64) -> Result<u64, TooEarly> {
    let furthest_us = now_us.saturating_add(rule.whole_burst_us());
    let arrival_us = kept_us.unwrap_or(0).clamp(now_us, furthest_us);
    let tolerance_us = rule.whole_burst_us() - rule.emission_interval_us();
    let conforms_at_us = arrival_us.saturating_sub(tolerance_us);
    if conforms_at_us > now_us {
        return Err(TooEarly { retry_after_us: conforms_at_us - now_us });
    }
    Ok(arrival_us.saturating_add(rule.emission_interval_us()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(emission_interval_us: u64, burst: u32) -> RateRule {
        RateRule::new(1, emission_interval_us, burst).unwrap()
    }

    #[test]
    fn a_burst_passes_and_the_next_request_waits_one_interval() {
        let rule = rule(1_000, 3);
        let mut kept = None;
        for _ in 0..3 {
            kept = Some(next_arrival(&rule, kept, 50).unwrap());
        }
        assert_eq!(next_arrival(&rule, kept, 50), Err(TooEarly { retry_after_us: 1_000 }));
        assert_eq!(next_arrival(&rule, kept, 1_049), Err(TooEarly { retry_after_us: 1 }));
        assert!(next_arrival(&rule, kept, 1_050).is_ok());
    }

    #[test]
    fn a_clock_that_went_back_makes_nobody_wait_longer_than_one_interval() {
        let rule = rule(1_000, 3);
        let far_ahead = Some(9_000_000);
        assert_eq!(next_arrival(&rule, far_ahead, 50), Err(TooEarly { retry_after_us: 1_000 }));
    }

    #[test]
    fn a_rule_that_never_conforms_or_is_forgotten_too_early_is_refused() {
        assert_eq!(RateRule::new(1, 0, 1), Err(RateRuleError::Zero));
        assert_eq!(RateRule::new(1, 1, 0), Err(RateRuleError::Zero));
        assert!(RateRule::new(1, RATE_WINDOW_US, 1).is_ok());
        for (emission_interval_us, burst) in [(RATE_WINDOW_US, 2), (u64::MAX, u32::MAX)] {
            let refused = RateRule::new(1, emission_interval_us, burst);
            assert_eq!(refused, Err(RateRuleError::TooSlow { emission_interval_us, burst }));
        }
    }

    #[test]
    fn gateways_that_share_a_rule_give_no_more_than_the_rule() {
        let whole = rule(500_000, 10);
        assert_eq!(whole.shared_by(1), whole);
        assert_eq!(whole.shared_by(0), whole);
        assert_eq!(whole.shared_by(3), rule(1_500_000, 3));
        assert_eq!(whole.shared_by(20), rule(10_000_000, 1), "everybody gets something");
        assert_eq!(whole.shared_by(u32::MAX), rule(RATE_WINDOW_US, 1), "no longer than is kept");
    }

    #[test]
    fn what_remains_is_what_may_come_at_once() {
        let rule = rule(1_000, 3);
        let mut kept = None;
        for remaining in [2, 1, 0] {
            let next = next_arrival(&rule, kept, 50).unwrap();
            assert_eq!(rule.remaining(next - 50), remaining);
            kept = Some(next);
        }
        let early = next_arrival(&rule, kept, 50).unwrap_err();
        assert_eq!(rule.whole_in_us(early.retry_after_us), 3_000);
        // Half an interval later there is still none, although one is on its way.
        assert_eq!(rule.remaining(2_500), 0);
        assert_eq!(rule.remaining(0), 3);
    }

    proptest! {
        /// The promise: in any stretch of time no more pass than the burst and what came back meanwhile,
        /// and whoever waits as told passes.
        #[test]
        fn no_stretch_of_time_admits_more_than_burst_and_pace(
            interval in 1_u64..5_000,
            burst in 1_u32..20,
            steps in prop::collection::vec(0_u64..8_000, 1..200),
        ) {
            let rule = rule(interval, burst);
            let mut now = 1_000_000;
            let mut kept = None;
            let mut admitted: Vec<u64> = Vec::new();
            for step in steps {
                now += step;
                match next_arrival(&rule, kept, now) {
                    Ok(next) => {
                        kept = Some(next);
                        admitted.push(now);
                    }
                    Err(early) => {
                        let told = now + early.retry_after_us;
                        prop_assert!(next_arrival(&rule, kept, told).is_ok());
                        prop_assert!(next_arrival(&rule, kept, told - 1).is_err());
                    }
                }
            }
            for (first, from) in admitted.iter().enumerate() {
                for (last, to) in admitted.iter().enumerate().skip(first) {
                    let passed = (last - first + 1) as u64;
                    prop_assert!(passed <= u64::from(burst) + (to - from) / interval);
                }
            }
        }
    }
}
