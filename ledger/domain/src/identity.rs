//! Identifiers of people, their checks, and the pseudonyms made of them.
//!
//! Identifiers live here for the length of one function call: they are normalised, checked, and
//! turned into a [`Pseudonym`]. Nothing in this module prints one.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::ids::{AuthorityId, Pseudonym};

/// Why a text is not the identifier it was said to be. Never carries the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadIdentifier {
    /// The letters and digits are not those of this kind.
    #[error("the identifier has not the form of its kind")]
    Form,
    /// The form is right and the check digit is not.
    #[error("the identifier's check digit is wrong")]
    CheckDigit,
}

/// The tax number of a natural person (РНОКПП): ten digits, the last a check digit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Rnokpp([u8; 10]);

impl Rnokpp {
    /// Parses and checks, as hand-typed input must be.
    ///
    /// # Errors
    /// [`BadIdentifier::Form`] unless ten ASCII digits; [`BadIdentifier::CheckDigit`].
    pub fn checked(text: &str) -> Result<Self, BadIdentifier> {
        let number = Self::unchecked(text)?;
        if number.check_digit_holds() { Ok(number) } else { Err(BadIdentifier::CheckDigit) }
    }

    /// Parses without the check: what the identification hub says is believed.
    ///
    /// # Errors
    /// [`BadIdentifier::Form`] unless ten ASCII digits.
    pub fn unchecked(text: &str) -> Result<Self, BadIdentifier> {
        let digits: [u8; 10] =
            text.trim().as_bytes().try_into().map_err(|_| BadIdentifier::Form)?;
        if digits.iter().all(u8::is_ascii_digit) {
            Ok(Self(digits))
        } else {
            Err(BadIdentifier::Form)
        }
    }

    /// Whether the last digit is what the first nine ask for.
    pub fn check_digit_holds(&self) -> bool {
        const WEIGHTS: [i32; 9] = [-1, 5, 7, 9, 4, 6, 10, 5, 7];
        let digit = |index: usize| i32::from(self.0[index] - b'0');
        let sum: i32 = WEIGHTS.iter().enumerate().map(|(index, w)| w * digit(index)).sum();
        sum.rem_euclid(11) % 10 == digit(9)
    }
}

/// The number of the demographic register (УНЗР): `YYYYMMDD-NNNNC`, the last a check digit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Unzr([u8; 13]);

impl Unzr {
    /// Parses and checks, as hand-typed input must be.
    ///
    /// # Errors
    /// [`BadIdentifier::Form`] unless eight digits, a dash that may be missing, and five digits;
    /// [`BadIdentifier::CheckDigit`].
    pub fn checked(text: &str) -> Result<Self, BadIdentifier> {
        let number = Self::unchecked(text)?;
        if number.check_digit_holds() { Ok(number) } else { Err(BadIdentifier::CheckDigit) }
    }

    /// Parses without the check: what the identification hub says is believed.
    ///
    /// # Errors
    /// [`BadIdentifier::Form`].
    pub fn unchecked(text: &str) -> Result<Self, BadIdentifier> {
        let text = text.trim();
        let digits: Vec<u8> = match text.split_once('-') {
            Some((date, rest)) if date.len() == 8 => [date, rest].concat().into_bytes(),
            Some(_) => return Err(BadIdentifier::Form),
            None => text.as_bytes().to_vec(),
        };
        let digits: [u8; 13] = digits.try_into().map_err(|_| BadIdentifier::Form)?;
        if digits.iter().all(u8::is_ascii_digit) {
            Ok(Self(digits))
        } else {
            Err(BadIdentifier::Form)
        }
    }

    /// Whether the last digit is what the first twelve ask for.
    pub fn check_digit_holds(&self) -> bool {
        const WEIGHTS: [u32; 3] = [7, 3, 1];
        let digit = |index: usize| u32::from(self.0[index] - b'0');
        let sum: u32 = (0..12).map(|index| digit(index) * WEIGHTS[index % 3]).sum();
        sum % 10 == digit(12)
    }
}

/// The code of a legal entity (ЄДРПОУ): eight digits, the last a check digit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Edrpou([u8; 8]);

impl Edrpou {
    /// Parses and checks.
    ///
    /// # Errors
    /// [`BadIdentifier::Form`] unless eight ASCII digits; [`BadIdentifier::CheckDigit`].
    pub fn checked(text: &str) -> Result<Self, BadIdentifier> {
        let code = Self::unchecked(text)?;
        if code.check_digit_holds() { Ok(code) } else { Err(BadIdentifier::CheckDigit) }
    }

    /// Parses without the check: what the identification hub says is believed.
    ///
    /// # Errors
    /// [`BadIdentifier::Form`] unless eight ASCII digits.
    pub fn unchecked(text: &str) -> Result<Self, BadIdentifier> {
        let digits: [u8; 8] = text.trim().as_bytes().try_into().map_err(|_| BadIdentifier::Form)?;
        if digits.iter().all(u8::is_ascii_digit) {
            Ok(Self(digits))
        } else {
            Err(BadIdentifier::Form)
        }
    }

    /// Whether the last digit is what the first seven ask for.
    pub fn check_digit_holds(&self) -> bool {
        const LOW: u32 = 30_000_000;
        const HIGH: u32 = 60_000_000;
        let digit = |index: usize| u32::from(self.0[index] - b'0');
        let number = (0..8).fold(0, |number, index| number * 10 + digit(index));
        let weights: [u32; 7] = if (LOW..=HIGH).contains(&number) {
            [7, 1, 2, 3, 4, 5, 6]
        } else {
            [1, 2, 3, 4, 5, 6, 7]
        };
        let remainder =
            |add: u32| (0..7).map(|index| digit(index) * (weights[index] + add)).sum::<u32>() % 11;
        let check = match remainder(0) {
            10 => remainder(2) % 10,
            small => small,
        };
        check == digit(7)
    }
}

/// A passport, for people who refused a tax number: series and number, normalised.
#[derive(Clone, PartialEq, Eq)]
pub struct Passport(String);

impl Passport {
    /// Parses an ID card (nine digits), a booklet (two Cyrillic letters, six digits) or a passport
    /// for travel abroad (two Latin letters, six digits).
    ///
    /// Letters that look alike in both alphabets are the same letter, spaces and case do not
    /// matter, so one passport has one normal form however it was typed.
    ///
    /// # Errors
    /// [`BadIdentifier::Form`] for anything else.
    pub fn parse(text: &str) -> Result<Self, BadIdentifier> {
        let letters: Vec<char> = text
            .chars()
            .filter(|letter| !letter.is_whitespace() && *letter != '-')
            .flat_map(char::to_uppercase)
            .map(cyrillic_look_alike)
            .collect();
        let digits = |part: &[char]| part.iter().all(char::is_ascii_digit);
        let is_letter = |letter: &char| {
            letter.is_ascii_uppercase() || ('А'..='Я').contains(letter) || "ІЇЄҐ".contains(*letter)
        };
        let card = letters.len() == 9 && digits(&letters);
        let booklet =
            letters.len() == 8 && letters[..2].iter().all(is_letter) && digits(&letters[2..]);
        if card || booklet {
            Ok(Self(letters.into_iter().collect()))
        } else {
            Err(BadIdentifier::Form)
        }
    }
}

/// The Cyrillic twin of a Latin capital, where there is one.
fn cyrillic_look_alike(letter: char) -> char {
    const LATIN: &str = "ABEIKMHOPCTX";
    const CYRILLIC: &str = "АВЕІКМНОРСТХ";
    match LATIN.chars().position(|latin| latin == letter) {
        Some(index) => CYRILLIC.chars().nth(index).unwrap_or(letter),
        None => letter,
    }
}

/// An identifier of a natural person, normalised.
#[derive(Clone, PartialEq, Eq)]
pub enum Identifier {
    /// The tax number.
    Rnokpp(Rnokpp),
    /// The register's number, when the person has no tax number.
    Unzr(Unzr),
    /// A passport, when the person has neither.
    Passport(Passport),
}

impl Identifier {
    /// The first that is present of what the identification hub says: a tax number or a passport
    /// in `drfocode`, the register's number in `unzr`.
    ///
    /// # Errors
    /// [`BadIdentifier::Form`] when there is none.
    pub fn from_hub(drfocode: &str, unzr: &str) -> Result<Self, BadIdentifier> {
        Rnokpp::unchecked(drfocode)
            .map(Self::Rnokpp)
            .or_else(|_| Unzr::unchecked(unzr).map(Self::Unzr))
            .or_else(|_| Passport::parse(drfocode).map(Self::Passport))
    }

    fn kind_and_bytes(&self) -> (u8, &[u8]) {
        match self {
            Self::Rnokpp(number) => (1, &number.0),
            Self::Unzr(number) => (2, &number.0),
            Self::Passport(passport) => (3, passport.0.as_bytes()),
        }
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Identifier(…)")
    }
}

/// Least length of a pepper, in bytes.
pub const MIN_PEPPER_BYTES: usize = 32;

/// The secret that turns identifiers into pseudonyms; lives outside the journal.
#[derive(Clone)]
pub struct Pepper(Vec<u8>);

/// A pepper shorter than [`MIN_PEPPER_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a pepper needs at least {MIN_PEPPER_BYTES} bytes")]
pub struct ShortPepper;

impl Pepper {
    /// Takes the secret's bytes.
    ///
    /// # Errors
    /// [`ShortPepper`].
    pub fn new(secret: Vec<u8>) -> Result<Self, ShortPepper> {
        if secret.len() < MIN_PEPPER_BYTES { Err(ShortPepper) } else { Ok(Self(secret)) }
    }

    /// HMAC-SHA-256(pepper, authority ‖ kind ‖ identifier): another authority, another pseudonym.
    pub fn pseudonym(&self, authority: AuthorityId, identifier: &Identifier) -> Pseudonym {
        let (kind, bytes) = identifier.kind_and_bytes();
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(&authority.0.to_be_bytes());
        mac.update(&[kind]);
        mac.update(bytes);
        Pseudonym(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Pepper(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_tax_numbers_hold_and_invented_ones_fail() {
        assert!(Rnokpp::checked("1759013776").is_ok());
        assert!(Rnokpp::checked("3184710691").is_ok());
        assert!(matches!(Rnokpp::checked("1234567890"), Err(BadIdentifier::CheckDigit)));
        assert!(matches!(Rnokpp::checked("123456789"), Err(BadIdentifier::Form)));
        assert!(matches!(Rnokpp::checked("123456789a"), Err(BadIdentifier::Form)));
    }

    #[test]
    fn real_register_numbers_hold_and_changed_ones_fail() {
        assert!(Unzr::checked("19910824-00026").is_ok());
        assert!(Unzr::checked("1991082400026").is_ok());
        assert!(matches!(Unzr::checked("19910824-00027"), Err(BadIdentifier::CheckDigit)));
        for text in ["1991-082400026", "19910824-0002", "19910824-0002x", ""] {
            assert!(matches!(Unzr::checked(text), Err(BadIdentifier::Form)), "{text}");
        }
    }

    #[test]
    fn real_entity_codes_hold_and_changed_ones_fail() {
        for code in ["43395033", "14360570", "00032129", "32855961"] {
            assert!(Edrpou::checked(code).is_ok(), "{code}");
            let last = if code.ends_with('9') { "0" } else { "9" };
            let changed = format!("{}{last}", &code[..7]);
            assert!(Edrpou::checked(&changed).is_err(), "{changed}");
        }
        assert!(matches!(Edrpou::checked("4339503"), Err(BadIdentifier::Form)));
    }

    #[test]
    fn any_single_wrong_digit_of_the_first_nine_is_noticed_or_shares_the_check() {
        // Modulus 11 then 10 lets few single changes through; most must be noticed.
        let good = *b"3184710691";
        let noticed = (0..9)
            .flat_map(|place| (b'0'..=b'9').map(move |digit| (place, digit)))
            .filter(|&(place, digit)| good[place] != digit)
            .filter(|&(place, digit)| {
                let mut changed = good;
                changed[place] = digit;
                !Rnokpp(changed).check_digit_holds()
            })
            .count();
        assert!(noticed >= 70, "{noticed} of 81");
    }

    #[test]
    fn a_passport_has_one_normal_form_in_either_alphabet() {
        let cyrillic = Passport::parse("АВ 123456").unwrap();
        assert!(cyrillic == Passport::parse("ab123456").unwrap());
        assert!(cyrillic == Passport::parse("Аb-123456").unwrap());
        assert!(cyrillic != Passport::parse("АЄ123456").unwrap());
        assert!(Passport::parse("123456789").is_ok());
        assert!(Passport::parse("FA123456").is_ok());
    }

    #[test]
    fn what_is_no_passport_is_refused() {
        for text in ["", "12345678", "A1234567", "АВ12345", "АВ1234567", "!!123456"] {
            assert!(Passport::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_hub_is_believed_about_a_wrong_check_digit() {
        assert!(Identifier::from_hub("1234567890", "").is_ok());
        assert!(Identifier::from_hub("АВ123456", "").is_ok());
        assert!(Identifier::from_hub("nobody", "").is_err());
    }

    #[test]
    fn the_first_present_of_tax_number_register_number_and_passport_counts() {
        let of = |drfocode, unzr| Identifier::from_hub(drfocode, unzr).unwrap();
        let register = of("", "19910824-00026");
        assert!(of("3184710691", "19910824-00026") == of("3184710691", ""));
        assert!(of("АВ123456", "19910824-00026") == register);
        assert!(of("АВ123456", "") != register);
    }

    #[test]
    fn pseudonyms_differ_by_pepper_authority_and_kind() {
        let pepper = |byte| Pepper::new(vec![byte; 32]).unwrap();
        let person = Identifier::from_hub("3184710691", "").unwrap();
        let card = Identifier::from_hub("318471069", "").unwrap();
        let one = pepper(1).pseudonym(AuthorityId(1), &person);
        assert_eq!(one, pepper(1).pseudonym(AuthorityId(1), &person));
        assert_ne!(one, pepper(2).pseudonym(AuthorityId(1), &person));
        assert_ne!(one, pepper(1).pseudonym(AuthorityId(2), &person));
        assert_ne!(one, pepper(1).pseudonym(AuthorityId(1), &card));
        assert!(Pepper::new(vec![1; 31]).is_err());
    }

    #[test]
    fn debug_output_tells_nothing() {
        let person = Identifier::from_hub("3184710691", "").unwrap();
        assert_eq!(format!("{person:?}"), "Identifier(…)");
    }
}
