//! The languages that Talon speaks, and their texts from Fluent files.

use std::borrow::Cow;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use http::{HeaderMap, header};

use crate::identity::cookies::{Cookies, LANGUAGE};

/// A language with texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// Ukrainian, the default.
    #[default]
    Uk,
    /// English.
    En,
}

impl Language {
    /// All of them, in the order in which pages offer them.
    pub const ALL: [Self; 2] = [Self::Uk, Self::En];

    /// The BCP 47 tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Uk => "uk",
            Self::En => "en",
        }
    }

    /// The language with this tag or of this region.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next().unwrap_or(tag);
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// What a request asks for: our cookie first, then `Accept-Language`, by its weights.
    pub fn of_request(headers: &HeaderMap, cookies: &Cookies) -> Self {
        if let Some(chosen) = cookies.read(headers, LANGUAGE).and_then(Self::from_tag) {
            return chosen;
        }
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        let weight = |part: &str| -> Option<(f32, Self)> {
            let (tag, parameters) = part.split_once(';').unwrap_or((part, ""));
            let weight = parameters.trim().strip_prefix("q=").unwrap_or("1").parse().ok()?;
            Some((weight, Self::from_tag(tag.trim())?))
        };
        let mut best: Option<(f32, Self)> = None;
        for (weight, language) in accepted.unwrap_or("").split(',').filter_map(weight) {
            if weight > best.map_or(0.0, |(known, _)| known) {
                best = Some((weight, language));
            }
        }
        best.map_or_else(Self::default, |(_, language)| language)
    }
}

/// The texts of all languages.
pub struct Texts {
    uk: FluentBundle<FluentResource>,
    en: FluentBundle<FluentResource>,
}

const UK: [&str; 2] = [
    include_str!("../../pages/locales/uk/problems.ftl"),
    include_str!("../../pages/locales/uk/pages.ftl"),
];
const EN: [&str; 2] = [
    include_str!("../../pages/locales/en/problems.ftl"),
    include_str!("../../pages/locales/en/pages.ftl"),
];

impl Texts {
    /// Reads the locale files, which are part of the program.
    ///
    /// # Panics
    /// When one of them is no Fluent; a test reads them all.
    pub fn load() -> Self {
        Self { uk: bundle("uk", &UK), en: bundle("en", &EN) }
    }

    /// The text of a key and its attribute `detail`, or the key where the files lack one.
    pub fn titled<'t>(
        &'t self,
        language: Language,
        key: &'t str,
        arguments: &FluentArgs<'_>,
    ) -> (Cow<'t, str>, Cow<'t, str>) {
        let bundle = self.bundle(language);
        let Some(message) = bundle.get_message(key) else { return (key.into(), key.into()) };
        let title = message.value();
        let detail = message.get_attribute("detail").map(|detail| detail.value());
        let [title, detail] = [title, detail].map(|pattern| {
            pattern.map_or(Cow::Borrowed(key), |pattern| {
                bundle.format_pattern(pattern, Some(arguments), &mut Vec::new())
            })
        });
        (title, detail)
    }

    fn bundle(&self, language: Language) -> &FluentBundle<FluentResource> {
        match language {
            Language::Uk => &self.uk,
            Language::En => &self.en,
        }
    }

    /// A text, or its key when the files lack it.
    pub fn get(&self, language: Language, key: &str, arguments: Option<&FluentArgs<'_>>) -> String {
        let bundle = self.bundle(language);
        let (id, attribute) = match key.split_once('.') {
            Some((id, attribute)) => (id, Some(attribute)),
            None => (key, None),
        };
        let pattern = bundle.get_message(id).and_then(|message| match attribute {
            None => message.value(),
            Some(name) => message.get_attribute(name).map(|attribute| attribute.value()),
        });
        let Some(pattern) = pattern else { return key.to_owned() };
        bundle.format_pattern(pattern, arguments, &mut Vec::new()).into_owned()
    }
}

fn bundle(tag: &str, files: &[&str]) -> FluentBundle<FluentResource> {
    let language: unic_langid::LanguageIdentifier = tag.parse().expect("our tags are well formed");
    let mut bundle = FluentBundle::new_concurrent(vec![language]);
    // Isolation marks are for mixed directions; our languages share one, and codes get copied.
    bundle.set_use_isolating(false);
    for file in files {
        let resource =
            FluentResource::try_new((*file).to_owned()).expect("locale files are Fluent");
        bundle.add_resource(resource).expect("no key stands twice");
    }
    bundle
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every message of a language, with its attributes.
    fn keys(files: &[&str]) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        for file in files {
            let mut id = "";
            for line in file.lines() {
                if let Some((name, _)) = line.split_once(" =") {
                    if let Some(attribute) = name.trim_start().strip_prefix('.') {
                        keys.insert(format!("{id}.{attribute}"));
                    } else if !name.starts_with([' ', '#']) {
                        id = name;
                        keys.insert(name.to_owned());
                    }
                }
            }
        }
        keys
    }

    #[test]
    fn every_key_exists_in_every_language() {
        assert_eq!(keys(&UK), keys(&EN));
        let texts = Texts::load();
        for key in keys(&UK) {
            for language in Language::ALL {
                assert_ne!(texts.get(language, &key, None), key, "{language:?}");
            }
        }
    }

    #[test]
    fn ukrainian_plurals_have_three_forms() {
        let texts = Texts::load();
        let left = |free: i64| {
            let mut arguments = FluentArgs::new();
            arguments.set("free", free);
            texts.get(Language::Uk, "slot-taken.detail", Some(&arguments))
        };
        assert_eq!(left(1), "На цей день лишився 1 вільний час.");
        assert_eq!(left(2), "На цей день лишилося 2 вільні часи.");
        assert_eq!(left(5), "На цей день лишилося 5 вільних часів.");
        assert_eq!(left(0), "На цей день вільних місць більше немає.");
    }

    #[test]
    fn the_heaviest_known_language_wins_and_the_cookie_before_it() {
        let cookies = Cookies::new(false);
        let of = |accept: &str, cookie: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, accept.parse().unwrap());
            headers.insert(header::COOKIE, cookie.parse().unwrap());
            Language::of_request(&headers, &cookies)
        };
        assert_eq!(of("pl, en-GB;q=0.8, uk;q=0.5", ""), Language::En);
        assert_eq!(of("fr", ""), Language::Uk);
        assert_eq!(of("en", "talon_language=uk"), Language::Uk);
        assert_eq!(of("en;q=x,,;", ""), Language::Uk);
    }
}
