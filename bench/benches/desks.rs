//! The choice of a desk in figures: how full days get, what a crowd on one time loses, and what a
//! choice costs, for the ledger's rule beside simpler ones.
//!
//! Owns the printing; the simulations stand in `talon_bench::desks`. `cargo bench -p talon-bench
//! --bench desks` prints the tables, then measures; the percentages depend on the seed alone, the
//! nanoseconds on the machine.

use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, Throughput};
use talon_bench::desks::{
    Demand, Rule, Until, busiest_start, choose, crowd, days, fill, lost_by_threads,
    lost_in_lockstep, new_day, reversed,
};

/// Those whose desks serve several services; where each serves one, no rule matters.
const CATALOGUES: [&str; 2] = ["mvs", "mfa"];
/// Random orders of arrival for each day.
const ORDERS: u64 = 100;
/// Rounds of each crowd.
const ROUNDS: u64 = 200;
/// People who want one time.
const PEOPLE: usize = 64;
const THREADS: usize = 8;

fn fullness() {
    println!("catalogue, demand, until: percent of minutes booked, people served, visits");
    let of = |code| [("", days(code)), (" reversed", reversed(days(code)))];
    for (code, (order, days)) in CATALOGUES.iter().flat_map(|code| of(code).map(|of| (code, of))) {
        for demand in [Demand::Even, Demand::AsPlanned] {
            for until in [Until::Percent(90), Until::Percent(110), Until::NothingFits] {
                for rule in Rule::ALL {
                    let outcome = fill(&days, rule, demand, until, ORDERS);
                    println!(
                        "{code}{order} {demand:?} {until:?} {rule:?}: {:.2} {:.2} {}",
                        outcome.filled_percent(),
                        outcome.served_percent(),
                        outcome.bookings
                    );
                }
            }
        }
    }
}

fn contention() {
    println!("{PEOPLE} people on one time: claims lost a round, at worst and by {THREADS} threads");
    let shape = days("mvs").swap_remove(0);
    let (service, start) = busiest_start(&shape);
    for rule in Rule::ALL {
        let (mut at_worst, mut by_threads) = (0, 0);
        let begun = Instant::now();
        for round in 0..ROUNDS {
            let people = crowd(PEOPLE, round);
            at_worst += lost_in_lockstep(&new_day(&shape), rule, service, start, &people);
            let day = new_day(&shape);
            by_threads += lost_by_threads(&day, rule, service, start, &people, THREADS).1;
        }
        println!(
            "{rule:?}: {:.1} {:.3} ({:?})",
            at_worst as f64 / ROUNDS as f64,
            by_threads as f64 / ROUNDS as f64,
            begun.elapsed()
        );
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    fullness();
    contention();
    let mut group = criterion.benchmark_group("choice_of_a_desk");
    for code in ["mvs", "mfa"] {
        let day = new_day(&days(code)[0]);
        let (service, start) = busiest_start(day.shape().shape());
        let candidates = day.shape().starts(service).map_or(0, |starts| starts[&start].len());
        group.throughput(Throughput::Elements(candidates as u64));
        for rule in Rule::ALL {
            group.bench_function(format!("{code}/{rule:?}/{candidates}"), |bencher| {
                bencher.iter(|| choose(&day, rule, service, start, black_box(3)));
            });
        }
    }
    group.finish();
    criterion.final_summary();
}
