//! Peppers: the secrets that turn identifiers into pseudonyms, several at a time.
//!
//! A new pepper comes before the old ones, which stay until nothing counts under them any more; a
//! login is known by the names under all of them. Must not know where the secrets are kept.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::identity::{Edrpou, Identifier, Identifiers};
use crate::ids::{AuthorityId, PepperId, Pseudonym};

/// Least length of a pepper, in bytes.
pub const MIN_PEPPER_BYTES: usize = 32;
/// Most peppers at a time, the current one included.
pub const MAX_PEPPERS: usize = 4;

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

    /// Its name: the first 32 bits of a hash that is used for nothing else.
    pub fn id(&self) -> PepperId {
        let hash = Sha256::new().chain_update(b"talon-pepper-id").chain_update(&self.0).finalize();
        PepperId([hash[0], hash[1], hash[2], hash[3]])
    }

    /// HMAC-SHA-256(pepper, authority ‖ kind ‖ identifier): another authority, another pseudonym.
    pub fn pseudonym(&self, authority: AuthorityId, identifier: &Identifier) -> Pseudonym {
        self.name(authority, identifier.kind_and_bytes())
    }

    /// The pseudonym of a legal entity, made in the same way.
    pub fn entity(&self, authority: AuthorityId, code: &Edrpou) -> Pseudonym {
        self.name(authority, code.kind_and_bytes())
    }

    fn name(&self, authority: AuthorityId, (kind, bytes): (u8, &[u8])) -> Pseudonym {
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

/// Why some peppers are no set to work with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPeppers {
    /// None, or more than [`MAX_PEPPERS`].
    #[error("{count} peppers; there are 1 to {MAX_PEPPERS}")]
    Count {
        /// How many were given.
        count: usize,
    },
    /// Two that are one secret, or share a name by an accident that a new secret ends.
    #[error("two of the peppers have the name {id}")]
    Twins {
        /// The name of both.
        id: PepperId,
    },
}

/// The peppers in use: the current one first, then those before it, newest first.
#[derive(Clone, Debug)]
pub struct Peppers(Vec<Pepper>);

impl Peppers {
    /// Takes them, newest first.
    ///
    /// # Errors
    /// [`BadPeppers`].
    pub fn new(newest_first: Vec<Pepper>) -> Result<Self, BadPeppers> {
        let count = newest_first.len();
        if !(1..=MAX_PEPPERS).contains(&count) {
            return Err(BadPeppers::Count { count });
        }
        for (index, pepper) in newest_first.iter().enumerate() {
            let id = pepper.id();
            if newest_first[..index].iter().any(|earlier| earlier.id() == id) {
                return Err(BadPeppers::Twins { id });
            }
        }
        Ok(Self(newest_first))
    }

    /// Their names, newest first.
    pub fn ids(&self) -> Vec<PepperId> {
        self.0.iter().map(Pepper::id).collect()
    }

    /// All pseudonyms of a person at an authority: under the current pepper first, and under each
    /// in the order of identifiers. The first is the one to go by.
    pub fn persons(&self, authority: AuthorityId, identifiers: &Identifiers) -> Vec<Pseudonym> {
        let under = |pepper: &Pepper| -> Vec<Pseudonym> {
            let names =
                identifiers.iter().map(|identifier| pepper.pseudonym(authority, identifier));
            names.collect()
        };
        self.0.iter().flat_map(under).collect()
    }

    /// All pseudonyms of a legal entity at an authority, that of the current pepper first.
    pub fn entities(&self, authority: AuthorityId, code: &Edrpou) -> Vec<Pseudonym> {
        self.0.iter().map(|pepper| pepper.entity(authority, code)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::identity::MAX_IDENTIFIERS;

    fn pepper(byte: u8) -> Pepper {
        Pepper::new(vec![byte; MIN_PEPPER_BYTES]).unwrap()
    }

    fn person() -> Identifiers {
        Identifiers::believed("3184710691", "19910824-00026", "АВ123456").unwrap()
    }

    #[test]
    fn pseudonyms_differ_by_pepper_authority_and_kind() {
        let all = person();
        let number = all.iter().next().unwrap();
        let card = Identifiers::from_hub("318471069", "").unwrap();
        let card = card.iter().next().unwrap();
        let one = pepper(1).pseudonym(AuthorityId(1), number);
        assert_eq!(one, pepper(1).pseudonym(AuthorityId(1), number));
        assert_ne!(one, pepper(2).pseudonym(AuthorityId(1), number));
        assert_ne!(one, pepper(1).pseudonym(AuthorityId(2), number));
        assert_ne!(one, pepper(1).pseudonym(AuthorityId(1), card));
        assert_eq!(Pepper::new(vec![1; 31]).unwrap_err(), ShortPepper);
    }

    #[test]
    fn a_pseudonym_is_the_same_for_ever() {
        let name = pepper(7).pseudonym(AuthorityId(3), person().iter().next().unwrap());
        let golden = "1ccb0a8c2f478c268fcc1626ea3d934c465e3d71f2a960c136ebc989b0aee9cf";
        assert_eq!(name.to_string(), golden);
        let code = Edrpou::checked("43395033").unwrap();
        let golden = "d2ad6aa46b971080da8b9f9e9233f34de1666ae57bd72cbd27989540e8728c65";
        assert_eq!(pepper(7).entity(AuthorityId(3), &code).to_string(), golden);
        assert_eq!(pepper(7).id().to_string(), "f7616bff");
    }

    #[test]
    fn the_current_pepper_and_the_first_identifier_give_the_name_to_go_by() {
        let peppers = Peppers::new(vec![pepper(3), pepper(2), pepper(1)]).unwrap();
        let names = peppers.persons(AuthorityId(1), &person());
        assert_eq!(names.len(), 3 * MAX_IDENTIFIERS);
        assert_eq!(names[0], pepper(3).pseudonym(AuthorityId(1), person().iter().next().unwrap()));
        let code = Edrpou::checked("43395033").unwrap();
        let entities = peppers.entities(AuthorityId(1), &code);
        let of = |byte| pepper(byte).entity(AuthorityId(1), &code);
        assert_eq!(entities, [of(3), of(2), of(1)]);
        assert_eq!(peppers.ids(), [pepper(3).id(), pepper(2).id(), pepper(1).id()]);
    }

    #[test]
    fn no_pepper_too_many_and_the_same_twice_are_refused() {
        let of = |bytes: &[u8]| Peppers::new(bytes.iter().copied().map(pepper).collect());
        assert_eq!(of(&[]).unwrap_err(), BadPeppers::Count { count: 0 });
        let most: Vec<u8> = (1..=MAX_PEPPERS as u8).collect();
        assert!(of(&most).is_ok());
        let more: Vec<u8> = (0..=MAX_PEPPERS as u8).collect();
        assert_eq!(of(&more).unwrap_err(), BadPeppers::Count { count: MAX_PEPPERS + 1 });
        assert_eq!(of(&[1, 2, 1]).unwrap_err(), BadPeppers::Twins { id: pepper(1).id() });
    }

    #[test]
    fn debug_output_tells_nothing() {
        let peppers = Peppers::new(vec![pepper(1)]).unwrap();
        assert_eq!(format!("{peppers:?}"), "Peppers([Pepper(…)])");
    }

    proptest! {
        #[test]
        fn a_rotation_keeps_every_name(secrets in prop::collection::btree_set(any::<u8>(), 2..=4)) {
            // Whoever was known under the peppers before is known under one of the names now.
            let secrets: Vec<u8> = secrets.into_iter().collect();
            let all = Peppers::new(secrets.iter().copied().map(pepper).collect()).unwrap();
            let before = Peppers::new(secrets[1..].iter().copied().map(pepper).collect()).unwrap();
            let names = |peppers: &Peppers| -> BTreeSet<Pseudonym> {
                peppers.persons(AuthorityId(1), &person()).into_iter().collect()
            };
            prop_assert!(names(&all).is_superset(&names(&before)));
            prop_assert_eq!(names(&all).len(), secrets.len() * MAX_IDENTIFIERS);
        }
    }
}
