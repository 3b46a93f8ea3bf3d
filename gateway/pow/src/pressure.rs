//! How many doublings of the floor a challenge asks for: a controller with hysteresis.
//!
//! Driven by the delay of admission alone, which the server measures; nothing that a client claims
//! has a say. Must not know about clocks: time is an argument. One [`Controller`] belongs to one
//! gateway.

/// Most doublings of the floor.
pub const MAX_STEP: u8 = 4;

/// From when on pressure counts, and how long it has to last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PressureRules {
    /// At this delay or a longer one, pressure rises. Microseconds.
    pub rise_at_us: u64,
    /// Below this delay it falls. Microseconds; less than `rise_at_us`.
    pub fall_below_us: u64,
    /// So long the delay has to stay high before the next step up. Microseconds.
    pub rise_after_us: u64,
    /// So long it has to stay low before the next step down. Microseconds.
    pub fall_after_us: u64,
}

impl Default for PressureRules {
    /// Up within seconds of a delay that people notice, down only after half a minute of calm.
    fn default() -> Self {
        Self {
            rise_at_us: 50_000,
            fall_below_us: 10_000,
            rise_after_us: 2_000_000,
            fall_after_us: 30_000_000,
        }
    }
}

/// What is asked for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pressure {
    /// No proof at all.
    Calm,
    /// The floor, doubled so many times, 0 to [`MAX_STEP`].
    Step(u8),
}

impl Pressure {
    /// So many levels more, at most [`MAX_STEP`]; calm is one level below the floor.
    #[must_use]
    pub fn raised(self, levels: u8) -> Self {
        match self {
            Self::Calm => {
                levels.checked_sub(1).map_or(Self::Calm, |step| Self::Step(step.min(MAX_STEP)))
            }
            Self::Step(step) => Self::Step(step.saturating_add(levels).min(MAX_STEP)),
        }
    }

    fn lowered(self) -> Self {
        match self {
            Self::Calm | Self::Step(0) => Self::Calm,
            Self::Step(step) => Self::Step(step - 1),
        }
    }
}

/// Since when the delay has been on one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    High { since_us: u64 },
    Between,
    Low { since_us: u64 },
}

/// The state of the controller.
#[derive(Clone, Debug)]
pub struct Controller {
    rules: PressureRules,
    pressure: Pressure,
    side: Side,
}

impl Controller {
    /// A controller at rest.
    #[must_use]
    pub fn new(rules: PressureRules) -> Self {
        assert!(rules.fall_below_us < rules.rise_at_us, "between the two nothing changes");
        Self { rules, pressure: Pressure::Calm, side: Side::Between }
    }

    /// What is asked for now.
    #[must_use]
    pub fn pressure(&self) -> Pressure {
        self.pressure
    }

    /// Takes a look at the delay; to be called some times a second. One look changes at most one
    /// step, and time that goes back changes nothing.
    pub fn look(&mut self, now_us: u64, delay_us: u64) -> Pressure {
        let rules = self.rules;
        self.side = match (delay_us, self.side) {
            (delay, Side::High { since_us }) if delay >= rules.rise_at_us => {
                Side::High { since_us }
            }
            (delay, _) if delay >= rules.rise_at_us => Side::High { since_us: now_us },
            (delay, Side::Low { since_us }) if delay < rules.fall_below_us => {
                Side::Low { since_us }
            }
            (delay, _) if delay < rules.fall_below_us => Side::Low { since_us: now_us },
            _ => Side::Between,
        };
        let has_lasted = |since_us: u64, least: u64| now_us.saturating_sub(since_us) >= least;
        match self.side {
            Side::High { since_us } if has_lasted(since_us, rules.rise_after_us) => {
                self.pressure = self.pressure.raised(1);
                self.side = Side::High { since_us: now_us };
            }
            Side::Low { since_us } if has_lasted(since_us, rules.fall_after_us) => {
                self.pressure = self.pressure.lowered();
                self.side = Side::Low { since_us: now_us };
            }
            _ => {}
        }
        self.pressure
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000;
    const HIGH: u64 = 60_000;
    const MIDDLE: u64 = 20_000;
    const LOW: u64 = 1_000;

    /// Looks four times a second for so many seconds.
    fn lasts(controller: &mut Controller, from_s: u64, seconds: u64, delay_us: u64) -> Pressure {
        for quarter in 0..=seconds * 4 {
            controller.look(from_s * SECOND + quarter * SECOND / 4, delay_us);
        }
        controller.pressure()
    }

    fn controller() -> Controller {
        Controller::new(PressureRules::default())
    }

    #[test]
    fn calm_asks_for_nothing_and_a_short_delay_changes_nothing() {
        let mut controller = controller();
        assert_eq!(lasts(&mut controller, 0, 600, LOW), Pressure::Calm);
        assert_eq!(lasts(&mut controller, 600, 1, HIGH), Pressure::Calm);
        assert_eq!(lasts(&mut controller, 602, 1, LOW), Pressure::Calm);
        assert_eq!(lasts(&mut controller, 604, 1, HIGH), Pressure::Calm);
    }

    #[test]
    fn a_delay_that_lasts_raises_step_by_step_up_to_the_most() {
        let mut controller = controller();
        assert_eq!(lasts(&mut controller, 0, 2, HIGH), Pressure::Step(0));
        assert_eq!(lasts(&mut controller, 2, 2, HIGH), Pressure::Step(1));
        assert_eq!(lasts(&mut controller, 4, 600, HIGH), Pressure::Step(MAX_STEP));
    }

    #[test]
    fn between_the_bounds_nothing_moves() {
        let mut controller = controller();
        lasts(&mut controller, 0, 4, HIGH);
        let before = controller.pressure();
        assert_eq!(lasts(&mut controller, 4, 3600, MIDDLE), before);
    }

    #[test]
    fn only_lasting_calm_lowers_and_an_interruption_starts_anew() {
        let mut controller = controller();
        lasts(&mut controller, 0, 4, HIGH);
        let before = controller.pressure();
        assert_eq!(lasts(&mut controller, 10, 29, LOW), before);
        assert_eq!(lasts(&mut controller, 40, 1, MIDDLE), before);
        assert_eq!(lasts(&mut controller, 42, 29, LOW), before);
        assert!(lasts(&mut controller, 72, 30, LOW) < before);
        assert_eq!(lasts(&mut controller, 110, 600, LOW), Pressure::Calm);
    }

    #[test]
    fn a_person_s_own_levels_come_on_top() {
        assert_eq!(Pressure::Calm.raised(0), Pressure::Calm);
        assert_eq!(Pressure::Calm.raised(1), Pressure::Step(0));
        assert_eq!(Pressure::Step(1).raised(2), Pressure::Step(3));
        assert_eq!(Pressure::Step(3).raised(u8::MAX), Pressure::Step(MAX_STEP));
    }

    proptest! {
        #[test]
        fn whatever_the_delays_are_one_look_moves_one_step_at_most(
            looks in prop::collection::vec((0..10_u64 * SECOND, 0..100_000_u64), 1..200),
        ) {
            let mut controller = controller();
            let level = |pressure: Pressure| match pressure {
                Pressure::Calm => 0,
                Pressure::Step(step) => i32::from(step) + 1,
            };
            let mut now = 0;
            for (pause, delay) in looks {
                now += pause;
                let before = level(controller.pressure());
                let after = level(controller.look(now, delay));
                prop_assert!((before - after).abs() <= 1);
                prop_assert!(after <= i32::from(MAX_STEP) + 1);
            }
        }
    }
}
