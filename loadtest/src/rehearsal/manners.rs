//! Which honest people move their place, act for an entity, or wait instead of computing.
//!
//! Owns the dealing: exact shares, independent of each other, of the network and of when somebody comes;
//! the same for the same seed. Must not know what anybody does then. Called by the stage and the cast.

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

use crate::personas::Manner;
use crate::scenario::Scenario;

/// Keeps these draws apart from all others of the seed.
const PURPOSE: u64 = 0x6d61_6e6e_6572_7321;

/// The manners of all honest people, in the order in which synthetic people are given to them.
pub(super) fn manners(scenario: &Scenario) -> Vec<Manner> {
    let Some(how) = scenario.personas.honest else { return Vec::new() };
    let mut random = StdRng::seed_from_u64(scenario.seed ^ PURPOSE);
    let mut deal = |percent: u64| {
        let share = u64::from(how.count) * percent / 100;
        let mut dealt: Vec<bool> = (0..u64::from(how.count)).map(|it| it < share).collect();
        dealt.shuffle(&mut random);
        dealt
    };
    let moves = deal(how.moves_percent);
    let for_entity = deal(how.for_entity_percent);
    let slow_lane = deal(how.slow_lane_percent);
    let all = moves.into_iter().zip(for_entity).zip(slow_lane);
    all.map(|((moves, for_entity), slow_lane)| Manner { moves, for_entity, slow_lane }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(seed: u64) -> Scenario {
        let text = format!(
            r#"
            name = "manners"
            seed = {seed}
            target = {{ authority = "mvs", service = "practical-exam", offices = [1] }}
            release = {{ after_s = 1, lead_s = 0, duration_s = 1, shape = {{ kind = "instant" }} }}
            [personas.honest]
            count = 200
            moves_percent = 10
            for_entity_percent = 5
            slow_lane_percent = 50
            "#
        );
        Scenario::parse("manners", &text).unwrap()
    }

    #[test]
    fn manners_have_their_exact_shares_whatever_the_seed() {
        for seed in 0..5 {
            let manners = manners(&scenario(seed));
            let count = |has: fn(&Manner) -> bool| manners.iter().filter(|it| has(it)).count();
            let counts =
                [count(|it| it.moves), count(|it| it.for_entity), count(|it| it.slow_lane)];
            assert_eq!(counts, [20, 10, 100]);
        }
    }

    #[test]
    fn the_same_seed_deals_the_same_manners_and_another_one_others() {
        assert_eq!(manners(&scenario(1)), manners(&scenario(1)));
        assert_ne!(manners(&scenario(1)), manners(&scenario(2)));
    }
}
