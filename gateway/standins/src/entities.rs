//! The synthetic legal entities for which people can log in at the stand-in hub.
//!
//! Owns who entity n is: a pure function of n, the same on every machine. Knows nothing of HTTP.
//!
//! Everything is valid in form and belongs to nobody: codes of the state register are given out in
//! order and have not come to 50 000 000, so one that starts with 99 is nobody's.

/// How many entities there are: indices are `0..MAX_ENTITIES`.
pub const MAX_ENTITIES: u32 = 10_000;

/// What codes start with: far beyond those that were given out.
const PREFIX: &str = "99";
/// Of so many people in a row, the first represents an entity on the hub's page.
const PEOPLE_PER_ENTITY: u32 = 4;

const _: () = assert!(MAX_ENTITIES <= 100_000, "a code has five digits between prefix and check");

/// A legal entity that does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntheticEntity {
    /// The entity's number, below [`MAX_ENTITIES`].
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Its code (ЄДРПОУ): eight digits, check digit right, no two entities share one.
    pub edrpou: String,
}

/// Entity `index`, always the same one.
///
/// # Panics
/// When `index` is not below [`MAX_ENTITIES`].
pub fn entity(index: u32) -> SyntheticEntity {
    assert!(index < MAX_ENTITIES, "there are {MAX_ENTITIES} entities, numbered from 0");
    let seven = format!("{PREFIX}{index:05}");
    let digits: Vec<u32> = seven.bytes().map(|letter| u32::from(letter - b'0')).collect();
    let digits = digits.try_into().expect("two digits and five are seven");
    SyntheticEntity {
        index,
        name: format!("ТОВ «Вигадане підприємство {index}»"),
        edrpou: format!("{seven}{}", edrpou_check_digit(digits)),
    }
}

/// The entity that a person represents on the hub's page, if any; a link may say otherwise.
pub fn represented_by(person: u32) -> Option<u32> {
    person.is_multiple_of(PEOPLE_PER_ENTITY).then_some(person / PEOPLE_PER_ENTITY % MAX_ENTITIES)
}

/// The check digit of a code's first seven digits.
pub(crate) fn edrpou_check_digit(digits: [u32; 7]) -> u32 {
    let seven = digits.iter().fold(0, |number, digit| number * 10 + digit);
    let weights: [u32; 7] = if (3_000_000..=6_000_000).contains(&seven) {
        [7, 1, 2, 3, 4, 5, 6]
    } else {
        [1, 2, 3, 4, 5, 6, 7]
    };
    let remainder = |more: u32| {
        let sum: u32 = weights.iter().zip(digits).map(|(weight, d)| (weight + more) * d).sum();
        sum % 11
    };
    match remainder(0) {
        10 => remainder(2) % 10,
        small => small,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn check_digits_follow_the_published_weights() {
        // Codes of well-known public bodies.
        for code in ["43395033", "14360570", "00032129", "32855961"] {
            let digits: Vec<u32> = code.bytes().map(|letter| u32::from(letter - b'0')).collect();
            let seven = digits[..7].try_into().unwrap();
            assert_eq!(edrpou_check_digit(seven), digits[7], "{code}");
        }
    }

    #[test]
    fn all_codes_are_distinct_valid_and_nobodys() {
        let mut seen = HashSet::new();
        for index in 0..MAX_ENTITIES {
            let code = entity(index).edrpou;
            assert_eq!(code.len(), 8, "entity {index}");
            assert!(code.parse::<u32>().unwrap() > 50_000_000, "entity {index}");
            let digits: Vec<u32> = code.bytes().map(|letter| u32::from(letter - b'0')).collect();
            assert_eq!(edrpou_check_digit(digits[..7].try_into().unwrap()), digits[7], "{code}");
            assert!(seen.insert(code), "entity {index} repeats a code");
        }
    }

    #[test]
    fn some_people_represent_somebody_and_others_nobody() {
        assert_eq!(represented_by(0), Some(0));
        assert_eq!(represented_by(8), Some(2));
        assert_eq!(represented_by(3), None);
        assert!(
            (0..crate::MAX_PEOPLE).filter_map(represented_by).all(|index| index < MAX_ENTITIES)
        );
    }

    #[test]
    #[should_panic(expected = "numbered from 0")]
    fn there_is_no_entity_past_the_last() {
        entity(MAX_ENTITIES);
    }
}
