//! The layers of a configuration: a file's text, then the environment, then flags.
//!
//! Each layer sets keys by their dotted names; a refusal says which layer set the key.

use std::collections::BTreeMap;

use serde::Deserialize;
use talon_domain::suggest::nearest;
use toml::{Table, Value};

use super::Config;

/// Environment variables with this prefix set keys: `TALON_SERVER__LISTEN` sets `server.listen`.
const ENVIRONMENT_PREFIX: &str = "TALON_";
/// Variables with the prefix that are no keys.
const OTHER_VARIABLES: [&str; 2] = ["TALON_CONFIG", talon_telemetry::logs::VARIABLE];

/// A configuration that is refused: where, which key, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{source_name}: {}{problem}", key_prefix(.key))]
pub struct BadConfig {
    /// The file, variable or flag at fault.
    pub source_name: String,
    /// The key, dotted; empty when the layer as a whole is at fault.
    pub key: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

fn key_prefix(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!("{key}: ") }
}

/// A configuration in the making.
#[derive(Debug)]
pub struct Layers {
    file_name: String,
    table: Table,
    /// What the file itself says.
    file: Table,
    /// Which layer set a key, where it was not the file.
    set_by: BTreeMap<String, String>,
}

impl Layers {
    /// Starts from a file's text.
    ///
    /// # Errors
    /// [`BadConfig`] when it is not TOML.
    pub fn from_file(name: &str, text: &str) -> Result<Self, BadConfig> {
        let table = text.parse::<Table>().map_err(|error| BadConfig {
            source_name: name.to_owned(),
            key: String::new(),
            problem: format!("not TOML: {}", error.to_string().trim_end().replace('\n', " ")),
        })?;
        let file = table.clone();
        Ok(Self { file_name: name.to_owned(), table, file, set_by: BTreeMap::new() })
    }

    /// Adds the variables of an environment that have the prefix.
    ///
    /// # Errors
    /// [`BadConfig`] when a name is no key's.
    pub fn environment(
        mut self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, BadConfig> {
        for (name, value) in variables {
            let Some(rest) = name.strip_prefix(ENVIRONMENT_PREFIX) else { continue };
            if OTHER_VARIABLES.contains(&name.as_str()) {
                continue;
            }
            let key = rest.to_ascii_lowercase().replace("__", ".");
            self = self.set(&format!("environment {name}"), &key, &value)?;
        }
        Ok(self)
    }

    /// Sets one key from a flag or a variable. The value is TOML, or else a string.
    ///
    /// # Errors
    /// [`BadConfig`] when the key lies below something that is no table.
    pub fn set(mut self, source: &str, key: &str, value: &str) -> Result<Self, BadConfig> {
        let bad = |problem: &str| BadConfig {
            source_name: source.to_owned(),
            key: key.to_owned(),
            problem: problem.to_owned(),
        };
        let mut path: Vec<&str> = key.split('.').collect();
        let last = path.pop().filter(|name| !name.is_empty()).ok_or_else(|| bad("no key"))?;
        let mut table = &mut self.table;
        for name in path {
            let below = table.entry(name).or_insert_with(|| Value::Table(Table::new()));
            table =
                below.as_table_mut().ok_or_else(|| bad("lies below something that is no table"))?;
        }
        table.insert(last.to_owned(), parse_value(value));
        self.set_by.insert(key.to_owned(), source.to_owned());
        Ok(self)
    }

    /// The configuration, checked.
    ///
    /// # Errors
    /// [`BadConfig`], naming the layer and the key at fault.
    pub fn finish(self) -> Result<Config, BadConfig> {
        let value = Value::Table(self.table.clone());
        let config: Config = serde_path_to_error::deserialize(value).map_err(|error| {
            let path = error.path().to_string();
            let message = error.inner().message().to_owned();
            self.refuse_type(&path, &message)
        })?;
        config.check().map_err(|(key, problem)| self.bad(key, problem))?;
        Ok(config)
    }

    fn bad(&self, key: &str, problem: String) -> BadConfig {
        BadConfig { source_name: self.source_of(key).to_owned(), key: key.to_owned(), problem }
    }

    /// The layer that a key is from: the one that set it; or, for a table that the file lacks, one
    /// that set something in it.
    fn source_of(&self, key: &str) -> &str {
        let below = format!("{key}.");
        let set = self.set_by.get(key).or_else(|| {
            let mut set = self.set_by.iter().filter(|_| !has(&self.file, key));
            set.find(|(name, _)| name.starts_with(&below)).map(|(_, source)| source)
        });
        set.unwrap_or(&self.file_name)
    }

    /// Makes a line for operators of what serde says.
    fn refuse_type(&self, path: &str, message: &str) -> BadConfig {
        let path = if path == "." { "" } else { path };
        let mut words = message.split('`').skip(1).step_by(2);
        if !message.starts_with("unknown field") {
            return self.bad(path, in_plain_words(message));
        }
        let Some(unknown) = words.next() else { return self.bad(path, message.to_owned()) };
        let known: Vec<&str> = words.collect();
        // The path already ends in the unknown key.
        let parent = path.strip_suffix(unknown).unwrap_or(path).trim_end_matches('.');
        let full = |name: &str| {
            if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
        };
        let hint = match nearest(unknown, known.iter().copied()) {
            Some(name) => format!("did you mean `{}`?", full(name)),
            None => format!("known keys here: {}", known.join(", ")),
        };
        self.bad(&full(unknown), format!("unknown key; {hint}"))
    }
}

fn has(table: &Table, key: &str) -> bool {
    let mut parts = key.split('.');
    let first = parts.next().and_then(|name| table.get(name));
    parts.fold(first, |value, name| value?.get(name)).is_some()
}

/// Names the types of numbers as operators do.
fn in_plain_words(message: &str) -> String {
    ["usize", "u64", "u32", "u16"].iter().fold(message.to_owned(), |message, kind| {
        message.replace(&format!("expected {kind}"), "expected a whole number")
    })
}

fn parse_value(text: &str) -> Value {
    #[derive(Deserialize)]
    struct One {
        value: Value,
    }
    toml::from_str::<One>(&format!("value = {text}"))
        .map_or_else(|_| Value::String(text.to_owned()), |one| one.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEMO: &str = "mode = \"demo\"\n[server]\nlisten = \"127.0.0.1:8080\"\n";

    fn layers(text: &str) -> Layers {
        Layers::from_file("talon.toml", text).unwrap()
    }

    fn refusal(text: &str) -> String {
        layers(text).finish().unwrap_err().to_string()
    }

    #[test]
    fn flags_win_over_the_environment_and_that_over_the_file() {
        let variables =
            [("TALON_SERVER__LISTEN", "127.0.0.1:2"), ("TALON_DATA_DIR", "/e"), ("HOME", "/")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = layers(DEMO)
            .environment(variables)
            .unwrap()
            .set("--listen", "server.listen", "127.0.0.1:3")
            .unwrap()
            .finish()
            .unwrap();
        assert_eq!(config.server.listen.port(), 3);
        assert_eq!(config.data_dir.to_str(), Some("/e"));
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest() {
        assert_eq!(
            refusal("mode = \"demo\"\n[server]\nlsiten = \"127.0.0.1:8080\"\n"),
            "talon.toml: server.lsiten: unknown key; did you mean `server.listen`?"
        );
        assert!(refusal("mode = \"demo\"\nsrever = 1\n").contains("did you mean `server`?"));
        assert!(refusal("mode = \"demo\"\nxyz = 1\n").contains("known keys here: mode, data_dir"));
    }

    #[test]
    fn a_value_out_of_range_names_its_key_and_its_source() {
        let bad = layers(DEMO).set("--set", "session.ttl_minutes", "0").unwrap().finish();
        assert_eq!(
            bad.unwrap_err().to_string(),
            "--set: session.ttl_minutes: 0 is not from 1 to 1440"
        );
    }

    #[test]
    fn a_mistake_in_a_section_that_the_file_lacks_names_the_layer() {
        let bad = |text: &str, key: &str| {
            layers(text).set("--set", key, "1").unwrap().finish().unwrap_err().source_name
        };
        assert_eq!(bad(DEMO, "srever.threads"), "--set");
        assert_eq!(bad(&format!("{DEMO}[srever]\nx = 1"), "srever.threads"), "talon.toml");
    }

    #[test]
    fn a_value_of_the_wrong_type_names_its_key() {
        let message = refusal("mode = \"demo\"\n[server]\nthreads = \"many\"\n");
        assert!(message.starts_with("talon.toml: server.threads: "), "{message}");
    }

    #[test]
    fn a_demo_stays_on_loopback() {
        let message = refusal("mode = \"demo\"\n[server]\nlisten = \"0.0.0.0:8080\"\n");
        assert_eq!(message, "talon.toml: server.listen: a demo listens on loopback only");
    }

    #[test]
    fn production_needs_https_keys_and_authorities() {
        let missing = |text: &str| refusal(&format!("mode = \"production\"\n{text}"));
        assert!(missing("").contains("server.origin"));
        let origin = "[server]\norigin = \"https://booking.example\"\n";
        assert!(missing(origin).contains("hub.browser_origin"));
        let origin = &format!("{origin}[hub]\nbrowser_origin = \"https://id.gov.ua\"\n");
        assert!(missing(origin).contains("keys.directory"));
        let keys = format!("{origin}[keys]\ndirectory = \"/etc/talon/keys\"\n");
        assert!(missing(&keys).contains("authority"));
        let inside = format!(
            "data_dir = \"/d\"\n{origin}[keys]\ndirectory = \"/d/journal/keys\"\n\
             [[authority]]\ncatalogue = \"c\"\npolicy = \"p\"\n"
        );
        assert!(missing(&inside).contains("must not lie inside the journal"));
    }

    #[test]
    fn what_is_no_toml_is_refused_by_line() {
        let error = Layers::from_file("talon.toml", "mode = ").unwrap_err().to_string();
        assert!(error.starts_with("talon.toml: not TOML:"), "{error}");
    }
}
