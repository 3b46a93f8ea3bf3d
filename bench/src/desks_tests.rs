//! That the ledger's rule fills days better than first-fit, and keeps crowds apart.

use super::*;

const DEMANDS: [Demand; 2] = [Demand::Even, Demand::AsPlanned];
/// Random orders of arrival for each day.
const ORDERS: u64 = 8;
/// People who want one time, and rounds of them.
const PEOPLE: usize = 64;
const ROUNDS: u64 = 20;

/// The percent of minutes that the ledger's rule fills more than first-fit.
fn gain(days: &[DayShape], demand: Demand, until: Until) -> f64 {
    let filled = |rule| fill(days, rule, demand, until, ORDERS).filled_percent();
    filled(Rule::LeastDamage) - filled(Rule::FirstFit)
}

fn mean(gains: &[f64]) -> f64 {
    gains.iter().sum::<f64>() / gains.len() as f64
}

/// Gains in both orders of desks: as the catalogues have them, specialised desks first, and
/// reversed.
fn gains(until: Until) -> [Vec<f64>; 2] {
    let of = |code: &str| [days(code), reversed(days(code))];
    let [mvs, mfa] = ["mvs", "mfa"].map(of);
    [0, 1].map(|order| {
        let of = |days: &[DayShape]| DEMANDS.map(|demand| gain(days, demand, until));
        [of(&mvs[order]), of(&mfa[order])].concat()
    })
}

#[test]
fn days_that_are_nearly_asked_out_get_fuller_than_by_first_fit() {
    let [as_filed, reversed] = gains(Until::Percent(90));
    assert!(as_filed.iter().chain(&reversed).all(|gain| *gain >= 0.0), "{as_filed:?} {reversed:?}");
    assert!(mean(&as_filed) >= 0.1, "{as_filed:?}");
    assert!(mean(&reversed) >= 1.0, "{reversed:?}");
}

#[test]
fn days_that_are_asked_for_until_nothing_fits_end_as_full_as_by_first_fit() {
    // Short visits fill what is left, whatever the rule.
    for gain in gains(Until::NothingFits).concat() {
        assert!(gain.abs() < 0.25, "{gain}");
    }
}

#[test]
fn where_every_desk_serves_one_service_no_rule_matters() {
    let days = days("dms");
    let all = Rule::ALL.map(|rule| fill(&days, rule, Demand::Even, Until::Percent(100), 1));
    assert!(all.iter().all(|outcome| *outcome == all[0]), "{all:?}");
}

#[test]
fn the_simulated_rule_is_the_ledgers() {
    for shape in days("mvs") {
        let day = new_day(&shape);
        let mut random = StdRng::seed_from_u64(1);
        let services = shape.services();
        for _ in 0..200 {
            let service = services[random.random_range(0..services.len())];
            let starts: Vec<Minute> =
                day.shape().starts(service).unwrap().keys().copied().collect();
            let start = starts[random.random_range(0..starts.len())];
            let spread = random.random_range(0..1 << 16);
            let chosen = choose(&day, Rule::LeastDamage, service, start, spread);
            assert_eq!(
                day.claim(service, talon_domain::ids::Channel::Web, start, spread, |at, _| at).ok(),
                chosen
            );
        }
    }
}

#[test]
fn a_crowd_on_one_time_loses_fewer_claims_than_by_first_fit() {
    let shape = days("mvs").swap_remove(0);
    let (service, start) = busiest_start(&shape);
    let lost = |rule| -> u64 {
        let round =
            |round| lost_in_lockstep(&new_day(&shape), rule, service, start, &crowd(PEOPLE, round));
        (0..ROUNDS).map(round).sum()
    };
    let (first_fit, least_damage) = (lost(Rule::FirstFit), lost(Rule::LeastDamage));
    assert!(least_damage * 2 <= first_fit, "{least_damage} of {first_fit}");
}

#[test]
fn real_threads_sell_every_desk_of_one_time_once() {
    let shape = days("mvs").swap_remove(0);
    let (service, start) = busiest_start(&shape);
    for rule in Rule::ALL {
        let day = new_day(&shape);
        let desks = day.shape().starts(service).unwrap()[&start].len() as u64;
        let (got, _) = lost_by_threads(&day, rule, service, start, &crowd(PEOPLE, 1), 8);
        assert_eq!(got, desks.min(PEOPLE as u64), "{rule:?}");
    }
}
