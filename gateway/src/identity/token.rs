//! Session tokens: who was identified, until when, signed with a key that has a name.
//!
//! `t2.<key id>.<payload>.<mac>`, base64url without padding. The payload is postcard; the MAC is
//! HMAC-SHA-256 over a purpose and the text before it, so that no other signed text of this
//! gateway can stand for a session. Must not know cookies or HTTP.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use talon_domain::ids::{AuthorityId, Pseudonym, SessionId};

/// The longest token that is looked at.
pub const MAX_TOKEN_BYTES: usize = 2048;
/// Most authorities in one session.
pub const MAX_PEOPLE_IN_TOKEN: usize = 16;

const VERSION: &str = "t2";
const AUDIENCE: &str = "talon-session";
/// The longest payload: the login's id, two times, the audience, and for each authority its number,
/// a person and an entity.
const MAX_PAYLOAD_BYTES: usize =
    16 + 2 * 10 + (1 + AUDIENCE.len()) + 1 + MAX_PEOPLE_IN_TOKEN * (3 + 32 + 1 + 32);
/// Purpose, name of the key and MAC, with the dots between.
const FRAME_BYTES: usize = VERSION.len() + 8 + 43 + 3;

/// Decoding base64 asks for as much more room than it uses, at most.
const DECODING_BYTES: usize = 3;

const _: () = assert!(
    (MAX_PAYLOAD_BYTES * 4).div_ceil(3) + FRAME_BYTES <= MAX_TOKEN_BYTES,
    "the longest token must be looked at"
);

/// Who somebody is at one authority: the names that its ledger goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// The authority.
    pub authority: AuthorityId,
    /// The human.
    pub person: Pseudonym,
    /// The legal entity that they act for, when the login named one.
    pub entity: Option<Pseudonym>,
}

/// An identified human with a login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Which login.
    pub id: SessionId,
    /// When it was made, in Unix seconds.
    pub issued_at_s: u64,
    /// From when on it is refused, in Unix seconds.
    pub expires_at_s: u64,
    /// For whom the token is meant.
    audience: Audience,
    /// The names at each authority.
    people: Vec<Names>,
}

impl Session {
    /// A session under these names.
    pub fn new(id: SessionId, issued_at_s: u64, expires_at_s: u64, people: Vec<Names>) -> Self {
        Self { id, issued_at_s, expires_at_s, audience: Audience, people }
    }

    /// Who this is at an authority.
    pub fn names(&self, authority: AuthorityId) -> Option<&Names> {
        self.people.iter().find(|names| names.authority == authority)
    }

    /// Whether they act for a legal entity, wherever it is.
    pub fn has_entity(&self) -> bool {
        self.people.iter().any(|names| names.entity.is_some())
    }

    /// Who this is wherever one name will do, such as for rates.
    pub fn any_person(&self) -> Option<Pseudonym> {
        self.people.first().map(|names| names.person)
    }
}

/// That a token is meant for us: written as a text, and read only if it is that text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Audience;

impl Serialize for Audience {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(AUDIENCE)
    }
}

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Ours;

        impl Visitor<'_> for Ours {
            type Value = Audience;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(AUDIENCE)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Audience, E> {
                if text == AUDIENCE { Ok(Audience) } else { Err(E::custom("another audience")) }
            }
        }

        deserializer.deserialize_str(Ours)
    }
}

/// Why a token is no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// It was not made by this gateway, or was changed since.
    #[error("the token is not one of ours")]
    Forged,
    /// It was ours; its time is over.
    #[error("the session has ended")]
    Expired,
}

/// The keys that sign; the first signs, all verify.
pub struct SessionKeys(Vec<Key>);

/// A key with its name, which is its hash.
struct Key {
    name: String,
    /// The MAC of nothing yet: what a key alone costs is paid once.
    mac: Hmac<Sha256>,
}

impl SessionKeys {
    /// The key that signs.
    pub fn new(current: &[u8]) -> Self {
        Self(vec![Key::new(current)])
    }

    /// Takes along the key before it, which verifies only.
    #[must_use]
    pub fn with_previous(mut self, previous: &[u8]) -> Self {
        self.0.push(Key::new(previous));
        self
    }

    /// The token of a session.
    pub fn sign(&self, session: &Session) -> String {
        let payload = postcard::to_stdvec(session).expect("a session is plain data");
        self.seal(VERSION, &payload)
    }

    /// The session of a token at `now_s`.
    ///
    /// # Errors
    /// [`BadToken`].
    pub fn verify(&self, token: &str, now_s: u64) -> Result<Session, BadToken> {
        // On the stack: every request of a person comes here.
        let mut room = [0; MAX_PAYLOAD_BYTES + DECODING_BYTES];
        let payload = self.open_into(VERSION, token, &mut room).ok_or(BadToken::Forged)?;
        let session: Session = postcard::from_bytes(payload).map_err(|_| BadToken::Forged)?;
        if session.people.len() > MAX_PEOPLE_IN_TOKEN {
            return Err(BadToken::Forged);
        }
        if session.expires_at_s <= now_s { Err(BadToken::Expired) } else { Ok(session) }
    }

    /// A key for another purpose from each of these, in their order.
    pub fn derived<'a>(&'a self, purpose: &'a str) -> impl Iterator<Item = [u8; 32]> + 'a {
        self.0.iter().map(move |key| key.mac(purpose))
    }

    /// Signs bytes for a purpose, as text that is safe in a cookie.
    pub fn seal(&self, purpose: &str, payload: &[u8]) -> String {
        let key = &self.0[0];
        let signed = format!("{purpose}.{}.{}", key.name, URL_SAFE_NO_PAD.encode(payload));
        let mac = URL_SAFE_NO_PAD.encode(key.mac(&signed));
        format!("{signed}.{mac}")
    }

    /// The bytes that [`SessionKeys::seal`] signed for the same purpose.
    pub fn open(&self, purpose: &str, text: &str) -> Option<Vec<u8>> {
        let mut room = vec![0; text.len().min(MAX_TOKEN_BYTES)];
        let bytes = self.open_into(purpose, text, &mut room)?.len();
        room.truncate(bytes);
        Some(room)
    }

    /// The same, read into `room`; nothing when there is too little of it.
    fn open_into<'r>(&self, purpose: &str, text: &str, room: &'r mut [u8]) -> Option<&'r [u8]> {
        if text.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let (signed, claimed) = text.rsplit_once('.')?;
        let mut parts = signed.split('.');
        let (of, name, payload) = (parts.next()?, parts.next()?, parts.next()?);
        if of != purpose || parts.next().is_some() {
            return None;
        }
        let key = self.0.iter().find(|key| key.name == name)?;
        let mut mac = [0; 32 + DECODING_BYTES];
        let bytes = URL_SAFE_NO_PAD.decode_slice(claimed, &mut mac).ok()?;
        if !bool::from(key.mac(signed).as_slice().ct_eq(&mac[..bytes])) {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode_slice(payload, room).ok()?;
        Some(&room[..bytes])
    }
}

impl Key {
    fn new(secret: &[u8]) -> Self {
        let hash = Sha256::digest([b"talon-key-id", secret].concat());
        let mac = Hmac::new_from_slice(secret).expect("HMAC takes a key of any length");
        Self { name: hex::encode(&hash[..4]), mac }
    }

    fn mac(&self, text: &str) -> [u8; 32] {
        self.mac.clone().chain_update(text.as_bytes()).finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys() -> SessionKeys {
        SessionKeys::new(&[7; 32])
    }

    fn session() -> Session {
        let entity = Some(Pseudonym([4; 32]));
        let people = vec![Names { authority: AuthorityId(1), person: Pseudonym([3; 32]), entity }];
        Session::new(SessionId([9; 16]), 100, 200, people)
    }

    #[test]
    fn a_token_is_its_session_until_it_expires() {
        let token = keys().sign(&session());
        assert_eq!(keys().verify(&token, 199), Ok(session()));
        assert_eq!(keys().verify(&token, 200), Err(BadToken::Expired));
        assert_eq!(session().names(AuthorityId(1)).unwrap().person, Pseudonym([3; 32]));
        assert_eq!(session().names(AuthorityId(2)), None);
        assert!(session().has_entity());
    }

    #[test]
    fn a_token_of_another_key_is_forged() {
        let token = SessionKeys::new(&[8; 32]).sign(&session());
        assert_eq!(keys().verify(&token, 150), Err(BadToken::Forged));
    }

    #[test]
    fn a_new_key_logs_nobody_out_while_the_old_one_is_kept() {
        let token = keys().sign(&session());
        let changed = SessionKeys::new(&[8; 32]).with_previous(&[7; 32]);
        assert_eq!(changed.verify(&token, 150), Ok(session()));
        assert_eq!(keys().verify(&changed.sign(&session()), 150), Err(BadToken::Forged));
    }

    #[test]
    fn any_changed_byte_makes_a_token_forged() {
        let token = keys().sign(&session());
        for place in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(keys().verify(&changed, 150), Err(BadToken::Forged), "byte {place}");
        }
    }

    #[test]
    fn what_is_signed_for_another_purpose_is_no_session() {
        let payload = postcard::to_stdvec(&session()).unwrap();
        let token = keys().seal("login", &payload);
        assert_eq!(keys().verify(&token, 150), Err(BadToken::Forged));
        assert_eq!(keys().open("login", &token), Some(payload));
    }

    #[test]
    fn the_longest_session_fits_into_a_token_and_a_longer_one_is_none() {
        let names = |authority| Names {
            authority: AuthorityId(u16::MAX - authority),
            person: Pseudonym([0xff; 32]),
            entity: Some(Pseudonym([0xff; 32])),
        };
        let of = |count: usize| {
            let people = (0..count as u16).map(names).collect();
            Session::new(SessionId([0xff; 16]), u64::MAX, u64::MAX, people)
        };
        let longest = of(MAX_PEOPLE_IN_TOKEN);
        let token = keys().sign(&longest);
        assert!(token.len() <= MAX_TOKEN_BYTES, "{}", token.len());
        assert_eq!(token.len(), (MAX_PAYLOAD_BYTES * 4).div_ceil(3) + FRAME_BYTES);
        assert_eq!(keys().verify(&token, 150), Ok(longest));
        let longer = keys().sign(&of(MAX_PEOPLE_IN_TOKEN + 1));
        assert_eq!(keys().verify(&longer, 150), Err(BadToken::Forged));
    }

    #[test]
    fn an_overlong_token_is_not_looked_at() {
        assert_eq!(keys().open(VERSION, &"a".repeat(MAX_TOKEN_BYTES + 1)), None);
    }

    proptest! {
        #[test]
        fn any_text_is_refused_without_panic(text in ".{0,300}") {
            prop_assert_eq!(keys().verify(&text, 150), Err(BadToken::Forged));
        }
    }
}
