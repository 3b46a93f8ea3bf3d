//! Tests of scenario files: good ones are read whole, and each mistake is refused by file and key.

use super::*;
use crate::network::Network;
use crate::personas::Persona;

const SMALL: &str = r#"
name = "small"
[target]
authority = "mvs"
service = "practical-exam"
offices = [8041]
[release]
after_s = 5
lead_s = 2
duration_s = 10
shape = { kind = "wave", half_within_ms = 2000 }
[personas.honest]
count = 10
"#;

fn refusal(text: &str) -> String {
    Scenario::parse("small.toml", text).unwrap_err().to_string()
}

/// The small scenario with one piece exchanged.
fn with(from: &str, to: &str) -> String {
    assert!(SMALL.contains(from), "{from}");
    refusal(&SMALL.replace(from, to))
}

#[test]
fn what_is_left_out_has_defaults() {
    let scenario = Scenario::parse("small.toml", SMALL).unwrap();
    assert_eq!(scenario.generator, Generator::default());
    assert_eq!(scenario.persons(), BTreeMap::from([(Persona::Honest, 10)]));
    assert_eq!(scenario.personas.honest.unwrap().wishes, 6);
}

#[test]
fn every_scenario_of_the_repository_is_good() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/scenarios");
    let mut read = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let scenario = Scenario::read(&path).unwrap();
            let gateway = &scenario.gateway;
            for file in [&gateway.catalogue, &gateway.policy].into_iter().flatten() {
                assert!(file.exists(), "{}: {}", path.display(), file.display());
            }
            read += 1;
        }
    }
    assert!(read >= 2, "{read} scenarios");
}

#[test]
fn the_policy_of_the_release_day_is_the_service_centres_with_a_proof() {
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
    let read = |file: &str| -> toml::Table {
        std::fs::read_to_string(configs.join(file)).unwrap().parse().unwrap()
    };
    let mut rehearsed = read("scenarios/release-day/policy.toml");
    assert!(rehearsed["release"].as_table_mut().unwrap().remove("proof").is_some());
    assert_eq!(rehearsed, read("policies/mvs.toml"));
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest() {
    assert_eq!(
        with("duration_s = 10", "duration_s = 10\nled_s = 3"),
        "small.toml: release.led_s: unknown key; did you mean `release.lead_s`?"
    );
    assert!(with("count = 10", "count = 10\nzzz = 1").contains("personas.honest.zzz: unknown key"));
    assert!(with("[personas.honest]", "[personas.honets]").contains("personas.honest"));
}

#[test]
fn a_value_out_of_range_names_its_key_and_the_range() {
    for (from, to, said) in [
        ("count = 10", "count = 0", "personas: 0 is not from 1 to 100000"),
        ("count = 10", "count = 100001", "personas: 100001 is not from 1 to 100000"),
        ("count = 10", "count = 9\nwishes = 17", "personas.honest.wishes: 17 is not from 1 to 16"),
        (
            "count = 10",
            "count = 9\nslow_lane_percent = 101",
            "personas.honest.slow_lane_percent: 101 is not from 0 to 100",
        ),
        (
            "count = 10",
            "count = 100000\nfor_entity_percent = 11",
            "personas.honest.for_entity_percent: 11000 entities are more than 10000",
        ),
        ("after_s = 5", "after_s = 3601", "release.after_s: 3601 is not from 1 to 3600"),
        ("lead_s = 2", "lead_s = 6", "release.lead_s: 6 is not from 0 to 5"),
        ("duration_s = 10", "duration_s = 3601", "release.duration_s: 3601 is not"),
        ("half_within_ms = 2000", "half_within_ms = 0", "release.shape: 0 is not from 1 to 10000"),
        (
            "[release]",
            "[gateway]\nrestart_after_ms = 10001\n[release]",
            "gateway.restart_after_ms: 10001 is not from 0 to 10000",
        ),
        ("[8041]", "[]", "target.offices: 0 is not from 1 to 200"),
        ("name = \"small\"", "name = \"\"", "name: has 1 to 64 bytes"),
    ] {
        let refusal = with(from, to);
        assert!(refusal.starts_with(&format!("small.toml: {said}")), "{refusal}");
    }
}

#[test]
fn shares_that_are_none_are_refused() {
    let thresholds = |key, value| refusal(&format!("{SMALL}[thresholds]\n{key} = {value}\n"));
    for (key, value, range) in [
        ("min_honest_places_percent", "101", "101 is not from 0 to 100"),
        ("max_errors_percent", "-0.5", "-0.5 is not from 0 to 100"),
        ("max_errors_percent", "nan", "NaN is not from 0 to 100"),
        ("max_bot_advantage", "inf", "inf is not from 0 to 100000"),
    ] {
        let said = thresholds(key, value);
        assert!(said.contains(&format!("thresholds.{key}: {range}")), "{said}");
    }
}

#[test]
fn what_is_left_out_of_a_network_has_the_default_of_its_kind() {
    let text = format!("{SMALL}[network]\nmobile = {{ loss_percent = 7.5 }}\n");
    let network = Scenario::parse("s", &text).unwrap().network;
    let defaults = NetworkDelays::default();
    assert_eq!(network.of(Network::Near), defaults.of(Network::Near));
    let mobile = crate::network::Delay { loss_percent: 7.5, ..defaults.of(Network::Mobile) };
    assert_eq!(network.of(Network::Mobile), mobile);
}

#[test]
fn a_network_out_of_range_or_with_an_unknown_key_is_refused() {
    for (keys, said) in [
        ("jitter_ms = 5001", "network.far.jitter_ms: 5001 is not from 0 to 5000"),
        ("retransmit_ms = 5001", "network.far.retransmit_ms: 5001 is not from 0 to 5000"),
        ("set_up_round_trips = 6", "network.far.set_up_round_trips: 6 is not from 0 to 5"),
        ("loss_percent = 50.1", "network.far.loss_percent: 50.1 is not from 0 to 50"),
        ("loss_percent = nan", "network.far.loss_percent: NaN is not from 0 to 50"),
        ("los_percent = 1.0", "did you mean `network.far.loss_percent`?"),
    ] {
        let refusal = refusal(&format!("{SMALL}[network]\nfar = {{ {keys} }}\n"));
        assert!(refusal.contains(said), "{refusal}");
    }
}

#[test]
fn rates_are_bounded_one_by_one_and_together() {
    let hammer = |count, rate| {
        refusal(&format!("{SMALL}[personas.hammer]\ncount = {count}\nrate_per_second = {rate}\n"))
    };
    assert!(hammer(1, 501).contains("personas.hammer.rate_per_second: 501 is not from 1 to 500"));
    assert!(hammer(41, 500).contains("all bots together plan 20500 requests a second"));
}

#[test]
fn a_mistake_of_type_or_form_is_refused() {
    assert!(
        with("count = 10", "count = \"ten\"").starts_with("small.toml: personas.honest.count: ")
    );
    assert!(refusal("name = ").starts_with("small.toml: not TOML: "));
    assert!(with("after_s = 5\n", "").contains("after_s"));
    let half = format!("{SMALL}[gateway]\ncatalogue = \"c.toml\"\n");
    assert!(refusal(&half).contains("gateway: catalogue and policy go together"));
}

#[test]
fn a_scenario_that_is_not_there_is_refused_by_its_name() {
    let error = Scenario::read(Path::new("/nowhere/s.toml")).unwrap_err().to_string();
    assert!(error.starts_with("/nowhere/s.toml: "), "{error}");
}

#[test]
fn networks_get_their_exact_shares() {
    let text =
        SMALL.replace("count = 10", "count = 10\nnetworks = { near = 50, far = 30, mobile = 20 }");
    let networks = Scenario::parse("s", &text).unwrap().personas.honest.unwrap().networks;
    let all: Vec<Network> = (0..10).map(|number| networks.of(number, 10)).collect();
    let count = |network| all.iter().filter(|it| **it == network).count();
    assert_eq!(Network::ALL.map(count), [5, 3, 2]);
}
