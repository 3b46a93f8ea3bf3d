//! Identifiers of people and of legal entities, and their checks.
//!
//! Identifiers live here for the length of one login: they are normalised, checked, and turned into
//! pseudonyms by [`crate::pepper`]. Nothing in this module prints one.

use std::fmt;

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
    /// The register's number.
    Unzr(Unzr),
    /// A passport.
    Passport(Passport),
}

impl Identifier {
    /// Whether its check digit is right; a passport has none.
    pub fn check_digit_holds(&self) -> bool {
        match self {
            Self::Rnokpp(number) => number.check_digit_holds(),
            Self::Unzr(number) => number.check_digit_holds(),
            Self::Passport(_) => true,
        }
    }

    /// The kind's number and the normalised letters: what a pseudonym is made of.
    pub(crate) fn kind_and_bytes(&self) -> (u8, &[u8]) {
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

impl Edrpou {
    /// The kind's number and the digits: what a pseudonym is made of.
    pub(crate) fn kind_and_bytes(&self) -> (u8, &[u8]) {
        (4, &self.0)
    }
}

impl fmt::Debug for Edrpou {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Edrpou(…)")
    }
}

/// Most identifiers of one person: one of each kind.
pub const MAX_IDENTIFIERS: usize = 3;

/// All identifiers that a login gives of one natural person, at least one, in the order of kinds:
/// tax number, register's number, passport. The first is the one to go by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identifiers(Vec<Identifier>);

impl Identifiers {
    /// What is present, and of its kind, among these texts; empty ones say nothing.
    ///
    /// Check digits are not looked at: who says these is believed.
    ///
    /// # Errors
    /// [`BadIdentifier::Form`] when there is none.
    pub fn believed(rnokpp: &str, unzr: &str, passport: &str) -> Result<Self, BadIdentifier> {
        let rnokpp = Rnokpp::unchecked(rnokpp).map(Identifier::Rnokpp);
        let unzr = Unzr::unchecked(unzr).map(Identifier::Unzr);
        let passport = Passport::parse(passport).map(Identifier::Passport);
        let all: Vec<_> = [rnokpp, unzr, passport].into_iter().flatten().collect();
        if all.is_empty() { Err(BadIdentifier::Form) } else { Ok(Self(all)) }
    }

    /// What the identification hub says: a tax number or a passport in `drfocode`, the register's
    /// number in `unzr`.
    ///
    /// # Errors
    /// [`BadIdentifier::Form`] when there is none.
    pub fn from_hub(drfocode: &str, unzr: &str) -> Result<Self, BadIdentifier> {
        Self::believed(drfocode, unzr, drfocode)
    }

    /// Each of them, the one to go by first.
    pub fn iter(&self) -> impl Iterator<Item = &Identifier> {
        self.0.iter()
    }

    /// Whether every check digit is right.
    pub fn check_digits_hold(&self) -> bool {
        self.0.iter().all(Identifier::check_digit_holds)
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
        let wrong = Identifiers::from_hub("1234567890", "").unwrap();
        assert!(!wrong.check_digits_hold());
        assert!(Identifiers::from_hub("3184710691", "").unwrap().check_digits_hold());
        assert!(
            !Identifiers::from_hub("3184710691", "19910824-00027").unwrap().check_digits_hold()
        );
        assert!(Identifiers::from_hub("АВ123456", "").unwrap().check_digits_hold());
        assert!(Identifiers::from_hub("nobody", "").is_err());
    }

    #[test]
    fn all_that_is_present_is_kept_in_the_order_of_kinds() {
        let kinds = |rnokpp, unzr, passport| -> Vec<u8> {
            let all = Identifiers::believed(rnokpp, unzr, passport).unwrap();
            all.iter().map(|identifier| identifier.kind_and_bytes().0).collect()
        };
        let (rnokpp, unzr, passport) = ("3184710691", "19910824-00026", "АВ123456");
        assert_eq!(kinds(rnokpp, unzr, passport), [1, 2, 3]);
        assert_eq!(kinds(rnokpp, unzr, passport).len(), MAX_IDENTIFIERS);
        assert_eq!(kinds("", unzr, passport), [2, 3]);
        assert_eq!(kinds(rnokpp, "", ""), [1]);
        assert_eq!(kinds("x", "y", passport), [3]);
    }

    #[test]
    fn the_hub_has_a_tax_number_or_a_passport_in_one_field() {
        let kinds = |drfocode, unzr| -> Vec<u8> {
            let all = Identifiers::from_hub(drfocode, unzr).unwrap();
            all.iter().map(|identifier| identifier.kind_and_bytes().0).collect()
        };
        assert_eq!(kinds("3184710691", "19910824-00026"), [1, 2]);
        assert_eq!(kinds("АВ123456", "19910824-00026"), [2, 3]);
        assert_eq!(kinds("123456789", ""), [3]);
    }

    #[test]
    fn debug_output_tells_nothing() {
        let person = Identifiers::from_hub("3184710691", "").unwrap();
        assert_eq!(format!("{person:?}"), "Identifiers([Identifier(…)])");
        let entity = Edrpou::checked("43395033").unwrap();
        assert_eq!(format!("{entity:?}"), "Edrpou(…)");
    }
}
