//! The synthetic people who can log in at the stand-in hub.
//!
//! Owns who person n is: a pure function of n, the same on every machine, so that a load test and a
//! hub agree without talking. Knows nothing of HTTP. Called by the hub's page and answers, and by
//! tests that want to know whom they logged in.
//!
//! Everything is valid in form and belongs to nobody: the birth dates in the numbers are of
//! 1901–1910, the telephone code and the passport series are not in use, the mail domain is reserved
//! for examples.

use jiff::ToSpan;
use jiff::civil::{Date, date};

use crate::names::{MEN, PATRONYMICS, SURNAMES, WOMEN};

/// How many people there are: indices are `0..MAX_PEOPLE`.
pub const MAX_PEOPLE: u32 = 100_000;

/// First birth day in use, counted from 31.12.1899: 1 January 1901.
const FIRST_BIRTH_DAY: u32 = 366;
/// How many birth days are in use; the last is in November 1910.
const BIRTH_DAYS: u32 = 3_600;
/// Coprime with [`BIRTH_DAYS`], so that neighbours in index are not neighbours in birth day.
const BIRTH_DAY_STRIDE: u32 = 1_597;
/// How many people share one birth day, at most.
const PEOPLE_PER_DAY: u32 = MAX_PEOPLE.div_ceil(BIRTH_DAYS);
/// How many values of the three serial digits each person of one day may have.
const SERIALS_PER_PERSON: u32 = 1_000 / PEOPLE_PER_DAY;

const _: () = assert!(SERIALS_PER_PERSON >= 1, "the serial digits must tell a day's people apart");
const _: () = assert!(MAX_PEOPLE <= 1_000_000, "passport numbers have six digits");

/// The sex that name forms and the ninth digit of the tax number agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sex {
    /// Ninth digit even.
    Female,
    /// Ninth digit odd.
    Male,
}

/// Somebody who does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntheticPerson {
    /// The person's number, below [`MAX_PEOPLE`].
    pub index: u32,
    /// What the name forms and the tax number say.
    pub sex: Sex,
    /// Surname, in the form of the sex.
    pub surname: &'static str,
    /// Given name.
    pub given_name: &'static str,
    /// Patronymic, in the form of the sex.
    pub patronymic: &'static str,
    /// Tax number (РНОКПП): ten digits, check digit right, no two people share one.
    pub rnokpp: String,
    /// Number in the demographic register, `YYYYMMDD-NNNNC`, of the same birth date.
    pub unzr: String,
    /// Booklet passport, two Cyrillic letters and six digits, for when the tax number is refused.
    pub passport: String,
    /// Mail address in a domain reserved for examples.
    pub email: String,
    /// Telephone, `+380` and nine digits, of a code nobody has.
    pub phone: String,
}

impl SyntheticPerson {
    /// Surname, given name, patronymic: the order of documents.
    pub fn full_name(&self) -> String {
        format!("{} {} {}", self.surname, self.given_name, self.patronymic)
    }
}

/// Person `index`, always the same one.
///
/// # Panics
/// When `index` is not below [`MAX_PEOPLE`].
pub fn person(index: u32) -> SyntheticPerson {
    assert!(index < MAX_PEOPLE, "there are {MAX_PEOPLE} people, numbered from 0");
    let mut choice = Choice(mix(u64::from(index)));
    let birth_day = FIRST_BIRTH_DAY + index.wrapping_mul(BIRTH_DAY_STRIDE) % BIRTH_DAYS;
    // Two people of one birth day differ in `index / BIRTH_DAYS`, so they differ in the remainder
    // of the serial, so all tax numbers are distinct whatever is chosen for the rest.
    let serial = choice.below(SERIALS_PER_PERSON) * PEOPLE_PER_DAY + index / BIRTH_DAYS;
    let sex = if choice.below(2) == 0 { Sex::Female } else { Sex::Male };
    let sex_digit = choice.below(5) * 2 + u32::from(sex == Sex::Male);

    let surname = choice.of(&SURNAMES);
    let patronymic = choice.of(&PATRONYMICS);
    let (surname, given_name, patronymic) = match sex {
        Sex::Female => (surname.1, *choice.of(&WOMEN), patronymic.1),
        Sex::Male => (surname.0, *choice.of(&MEN), patronymic.0),
    };
    SyntheticPerson {
        index,
        sex,
        surname,
        given_name,
        patronymic,
        rnokpp: rnokpp(birth_day, serial, sex_digit),
        unzr: unzr(birth_date(birth_day), serial),
        passport: format!("ЯЯ{index:06}"),
        email: format!("person-{index:05}@example.org"),
        phone: format!("+38000{index:07}"),
    }
}

/// The check digit of a tax number's first nine digits.
pub(crate) fn rnokpp_check_digit(digits: [u8; 9]) -> u8 {
    const WEIGHTS: [i32; 9] = [-1, 5, 7, 9, 4, 6, 10, 5, 7];
    let sum: i32 =
        WEIGHTS.iter().zip(digits).map(|(weight, digit)| weight * i32::from(digit)).sum();
    u8::try_from(sum.rem_euclid(11) % 10).expect("a remainder of 10 is below 10")
}

/// Birth day (five digits), serial (three), sex (one), check digit.
fn rnokpp(birth_day: u32, serial: u32, sex_digit: u32) -> String {
    let nine = format!("{birth_day:05}{serial:03}{sex_digit}");
    let digits: Vec<u8> = nine.bytes().map(|letter| letter - b'0').collect();
    let digits = digits.try_into().expect("the parts have 5, 3 and 1 digits by their ranges");
    format!("{nine}{}", rnokpp_check_digit(digits))
}

/// Birth date, number of the record (four digits), check digit.
fn unzr(born: Date, record: u32) -> String {
    let day = format!("{:04}{:02}{:02}", born.year(), born.month(), born.day());
    let weights = [7, 3, 1].into_iter().cycle();
    let digits = format!("{day}{record:04}");
    let sum: u32 =
        digits.bytes().zip(weights).map(|(d, weight)| u32::from(d - b'0') * weight).sum();
    format!("{day}-{record:04}{}", sum % 10)
}

fn birth_date(birth_day: u32) -> Date {
    date(1899, 12, 31) + i64::from(birth_day).days()
}

/// Choices that look random and are a function of the person's index.
struct Choice(u64);

impl Choice {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = mix(self.0);
        // The remainder is below a u32, so nothing is cut.
        (self.0 % u64::from(bound)) as u32
    }

    fn of<'list, T>(&mut self, list: &'list [T]) -> &'list T {
        let length = u32::try_from(list.len()).expect("the lists of names are short");
        &list[self.below(length) as usize]
    }
}

/// One step of SplitMix64: every bit of the input reaches every bit of the output.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn digits(number: &str) -> Vec<u8> {
        number.bytes().map(|letter| letter - b'0').collect()
    }

    #[test]
    fn check_digits_follow_the_published_weights() {
        // 10 mod 11 is 10, which counts as 0; a weight alone; 295 mod 11 is 9.
        assert_eq!(rnokpp_check_digit([1, 0, 0, 0, 0, 0, 0, 0, 0]), 0);
        assert_eq!(rnokpp_check_digit([0, 1, 0, 0, 0, 0, 0, 0, 0]), 5);
        assert_eq!(rnokpp_check_digit([1, 2, 3, 4, 5, 6, 7, 8, 9]), 9);
        assert_eq!(unzr(date(1991, 8, 24), 2), "19910824-00026");
    }

    #[test]
    fn all_tax_numbers_are_distinct_and_valid_and_agree_with_the_names() {
        let mut seen = HashSet::new();
        let mut registers = HashSet::new();
        for index in 0..MAX_PEOPLE {
            let person = person(index);
            let number = digits(&person.rnokpp);
            assert_eq!(number.len(), 10, "person {index}");
            let nine: [u8; 9] = number[..9].try_into().unwrap();
            assert_eq!(rnokpp_check_digit(nine), number[9], "person {index}");
            let says_man = number[8] % 2 == 1;
            assert_eq!(says_man, person.sex == Sex::Male, "person {index}");
            assert_eq!(says_man, person.patronymic.ends_with("ич"), "person {index}");
            assert_eq!(!says_man, person.patronymic.ends_with("вна"), "person {index}");
            assert!(!person.full_name().contains("  "), "person {index}");
            assert!(registers.insert(person.unzr), "person {index} repeats a register number");
            assert!(seen.insert(person.rnokpp), "person {index} repeats a tax number");
        }
        assert_eq!(seen.len(), MAX_PEOPLE as usize);
    }

    #[test]
    fn nobody_living_can_have_the_numbers() {
        let years: Vec<i16> = (0..MAX_PEOPLE)
            .map(|index| person(index).rnokpp[..5].parse().unwrap())
            .map(|day| birth_date(day).year())
            .collect();
        assert_eq!(years.iter().min(), Some(&1901));
        assert_eq!(years.iter().max(), Some(&1910));
    }

    #[test]
    fn a_person_is_the_same_on_every_machine() {
        assert_eq!(person(7), person(7));
        let golden = person(42);
        assert_eq!(golden.full_name(), "Петренко Юлія Миколаївна");
        assert_eq!(golden.rnokpp, "0264064466");
        assert_eq!(golden.passport, "ЯЯ000042");
        assert_eq!(golden.email, "person-00042@example.org");
        assert_eq!(golden.phone, "+380000000042");
    }

    #[test]
    #[should_panic(expected = "numbered from 0")]
    fn there_is_no_person_past_the_last() {
        person(MAX_PEOPLE);
    }
}
