//! Configuration: what is wrong is named with its place and its remedy, and nothing starts.

use std::path::Path;

use talon_gateway::identity::keys::Keys;
use tempfile::TempDir;

use crate::harness::{fixture, run};

fn check(arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String) {
    run(&[&["check-config"], arguments].concat(), variables)
}

fn path(name: &str) -> String {
    fixture(name).to_str().unwrap().to_owned()
}

/// The configurations in a folder of the fixtures.
fn samples(folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(fixture(folder)).unwrap();
    let mut paths: Vec<String> = entries
        .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
        .filter(|path| {
            path.ends_with(".toml")
                && !path.ends_with(".catalogue.toml")
                && !path.ends_with(".policy.toml")
        })
        .collect();
    paths.sort();
    paths
}

/// Secrets as production wants them: only their owner's, which no repository can hold.
fn secrets() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    assert!(Keys::load(directory.path(), true).is_ok());
    directory
}

fn check_with(secrets: &Path, config: &str) -> (i32, String) {
    let assignment = format!("keys.directory={}", secrets.display());
    check(&["--config", config, "--set", &assignment], &[])
}

#[test]
fn good_samples_are_good() {
    let samples = samples("good");
    assert!(samples.len() >= 3, "{samples:?}");
    let secrets = secrets();
    for sample in samples {
        let (code, said) = check_with(secrets.path(), &sample);
        assert_eq!(code, 0, "{sample}: {said}");
        assert!(said.contains("the configuration is good"), "{said}");
    }
}

/// The first line of a bad sample says what has to be said of it.
#[test]
fn bad_samples_are_refused_with_file_key_and_remedy() {
    let samples = samples("bad");
    assert!(samples.len() >= 15, "{samples:?}");
    for sample in samples {
        let text = std::fs::read_to_string(&sample).unwrap();
        let says = text.lines().next().unwrap().strip_prefix("# says: ").unwrap();
        let (code, said) = check(&["--config", &sample], &[]);
        assert_eq!(code, 78, "{sample}: {said}");
        for part in says.split(" … ") {
            assert!(said.contains(part), "{sample}: no `{part}` in: {said}");
        }
        // What check-config refuses does not start either.
        let (code, refused) = run(&["serve", "--config", &sample], &[]);
        assert_eq!((code, refused), (78, said), "{sample}");
    }
}

#[test]
fn the_environment_wins_over_the_file_and_flags_over_both() {
    let file = path("good/demo.toml");
    let origin = |arguments: &[&str], variables: &[(&str, &str)]| {
        let (code, said) = check(&[&["--config", file.as_str()], arguments].concat(), variables);
        assert_eq!(code, 0, "{said}");
        said.lines().find_map(|line| line.strip_prefix("origin")).unwrap().trim().to_owned()
    };
    let variable = ("TALON_SERVER__LISTEN", "127.0.0.1:20002");
    assert_eq!(origin(&[], &[]), "http://127.0.0.1:20001");
    assert_eq!(origin(&[], &[variable]), "http://127.0.0.1:20002");
    let flag = ["--listen", "127.0.0.1:20003"];
    assert_eq!(origin(&flag, &[variable]), "http://127.0.0.1:20003");
    let set = ["--set", "server.listen=127.0.0.1:20004"];
    assert_eq!(origin(&set, &[variable]), "http://127.0.0.1:20004");
    let named = [("TALON_CONFIG", file.as_str())];
    let (code, said) = check(&[], &named);
    assert!(code == 0 && said.contains("http://127.0.0.1:20001"), "{said}");
}

#[test]
fn whichever_layer_is_wrong_is_named() {
    for (arguments, variables, says) in [
        (
            vec!["--set", "server.lsiten=x"],
            vec![],
            "--set: server.lsiten: unknown key; did you mean `server.listen`?",
        ),
        (vec!["--set", "nothing"], vec![], "--set: `nothing` is not KEY=VALUE"),
        (
            vec!["--set", "session.ttl_minutes=0"],
            vec![],
            "--set: session.ttl_minutes: 0 is not from 1 to 1440",
        ),
        (
            vec![],
            vec![("TALON_SERVER__THREADS", "many")],
            "environment TALON_SERVER__THREADS: server.threads: ",
        ),
        (
            vec![],
            vec![("TALON_SREVER__LISTEN", "x")],
            "environment TALON_SREVER__LISTEN: srever: unknown key; did you mean `server`?",
        ),
        (vec!["--config", "/nowhere/talon.toml"], vec![], "/nowhere/talon.toml: "),
        (vec!["--redis", "memcached://x"], vec![], "admission.redis_url"),
    ] {
        let (code, said) = check(&arguments, &variables);
        assert_eq!(code, 78, "{says}: {said}");
        assert!(said.contains(says), "no `{says}` in: {said}");
    }
}

#[test]
fn a_flag_that_does_not_exist_is_refused() {
    let (code, said) = run(&["--lsiten", "127.0.0.1:1"], &[]);
    assert_ne!(code, 0);
    assert!(said.contains("--listen"), "{said}");
    let (code, said) = run(&["--release-in", "soon"], &[]);
    assert_ne!(code, 0);
    assert!(said.contains("--release-in"), "{said}");
}

#[test]
fn the_version_is_told() {
    let (code, said) = run(&["--version"], &[]);
    assert_eq!(code, 0);
    assert!(said.starts_with(&format!("talon {} (", env!("CARGO_PKG_VERSION"))), "{said}");
}

#[test]
fn the_configurations_that_come_along_are_good() {
    let configs = fixture("../../../configs");
    let secrets = secrets();
    for name in ["demo.toml", "production.example.toml"] {
        let (code, said) = check_with(secrets.path(), configs.join(name).to_str().unwrap());
        assert_eq!(code, 0, "{name}: {said}");
        assert!(said.contains("mvs: 142 offices, 5 services"), "{said}");
    }
}

#[test]
fn production_does_not_make_its_own_secrets() {
    let empty = tempfile::tempdir().unwrap();
    let (code, said) = check_with(empty.path(), &path("good/production.toml"));
    assert_eq!(code, 78, "{said}");
    assert!(said.contains(empty.path().join("session.key").to_str().unwrap()), "{said}");
    assert_eq!(std::fs::read_dir(empty.path()).unwrap().count(), 0);
}
