//! The stand-in identification hub: what it is made of, and how it is served.
//!
//! Owns the clients it knows, its codes and its tokens. Knows nothing of HTTP beyond handing its
//! router to a listener; the endpoints are in `handlers`. Built by the gateway in demo mode and by
//! tests.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use subtle::ConstantTimeEq;
use tokio::net::TcpListener;
use url::{Host, Url};

use crate::faults::FaultsHandle;
use crate::handlers;
use crate::people::MAX_PEOPLE;
use crate::refusal::Refusal;
use crate::store::ExpiringMap;
use crate::traces::Calls;

/// How long a code works.
pub const CODE_TTL: Duration = Duration::from_secs(60);
/// How long an access token works; `expires_in` says so.
pub const TOKEN_TTL: Duration = Duration::from_secs(600);
/// The most codes alive at once; past it a login is answered 503.
pub const MAX_CODES: usize = 131_072;
/// The most tokens alive at once; past it an exchange is answered 503.
pub const MAX_TOKENS: usize = 131_072;
/// The most redirect addresses of a client.
pub const MAX_REDIRECT_URIS: usize = 16;

const _: () = assert!(MAX_CODES >= MAX_PEOPLE as usize, "everybody may log in at once");
const _: () = assert!(MAX_TOKENS >= MAX_PEOPLE as usize, "everybody may log in at once");

/// Time since a fixed start of the caller's choice; must not go back.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;
/// 256 fresh random bits, or nothing when the source has failed.
pub type Random = Arc<dyn Fn() -> Option<[u8; 32]> + Send + Sync>;

/// Bounds of the hub's maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HubLimits {
    /// Codes alive at once; at most [`MAX_CODES`].
    pub codes: usize,
    /// Tokens alive at once; at most [`MAX_TOKENS`].
    pub tokens: usize,
}

impl Default for HubLimits {
    fn default() -> Self {
        Self { codes: MAX_CODES, tokens: MAX_TOKENS }
    }
}

/// What a hub is built from. It knows one client.
#[derive(Clone)]
pub struct HubOptions {
    /// The client's name.
    pub client_id: String,
    /// The client's secret; must not be empty.
    pub client_secret: String,
    /// Where people may be sent back to: matched exactly, `http` or `https`, on this machine.
    pub redirect_uris: Vec<String>,
    /// Bounds of the maps.
    pub limits: HubLimits,
    /// Time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
}

impl HubOptions {
    /// Options with the process's clock, the system's randomness, and the default limits.
    pub fn new(
        client_id: impl Into<String>,
        client_secret: impl Into<String>,
        redirect_uris: Vec<String>,
    ) -> Self {
        let start = Instant::now();
        Self {
            client_id: client_id.into(),
            client_secret: client_secret.into(),
            redirect_uris,
            limits: HubLimits::default(),
            clock: Arc::new(move || start.elapsed()),
            random: Arc::new(system_random),
        }
    }
}

fn system_random() -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).ok().map(|()| bytes)
}

/// Why a hub cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HubError {
    /// A client needs a name and a secret.
    #[error("client_id and client_secret must not be empty")]
    EmptyClient,
    /// Zero redirect addresses, or more than [`MAX_REDIRECT_URIS`].
    #[error("{count} redirect addresses; there must be 1 to {MAX_REDIRECT_URIS}")]
    RedirectUriCount {
        /// How many were given.
        count: usize,
    },
    /// Not an absolute `http` or `https` address on this machine, or one with a fragment.
    #[error("{uri:?} is no address on this machine; a stand-in sends people nowhere else")]
    BadRedirectUri {
        /// What was given.
        uri: String,
    },
    /// A limit past its maximum.
    #[error("{given} {what}; the most is {most}")]
    LimitTooHigh {
        /// What is limited.
        what: &'static str,
        /// What was given.
        given: usize,
        /// The maximum.
        most: usize,
    },
}

/// How somebody identified: the protocol's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthType {
    DigSign,
    BankId,
    MobileId,
    DiiaId,
}

impl AuthType {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::DigSign, Self::BankId, Self::MobileId, Self::DiiaId]
            .into_iter()
            .find(|auth_type| auth_type.as_str() == text)
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::DigSign => "dig_sign",
            Self::BankId => "bank_id",
            Self::MobileId => "mobile_id",
            Self::DiiaId => "diia_id",
        }
    }
}

/// Identifiers that somebody has not got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Without {
    /// No tax number: there is a passport in its place.
    pub(crate) rnokpp: bool,
    /// No number in the demographic register.
    pub(crate) unzr: bool,
}

impl Without {
    /// `rnokpp`, `unzr`, both with a comma between, or nothing.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut without = Self::default();
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match name {
                "rnokpp" => without.rnokpp = true,
                "unzr" => without.unzr = true,
                _ => return None,
            }
        }
        Some(without)
    }
}

/// A login that has happened: what a code and then a token stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    /// Below [`MAX_PEOPLE`].
    pub(crate) person: u32,
    /// For whom the person acts; below [`crate::MAX_ENTITIES`].
    pub(crate) entity: Option<u32>,
    /// What the person has not got.
    pub(crate) without: Without,
    pub(crate) auth_type: AuthType,
}

impl Login {
    pub(crate) fn user_id(self) -> String {
        format!("stand-in-{:05}", self.person)
    }
}

struct Store {
    codes: ExpiringMap<Login>,
    tokens: ExpiringMap<Login>,
}

struct Inner {
    client_id: String,
    client_secret: String,
    redirect_uris: Vec<(String, Url)>,
    clock: Clock,
    random: Random,
    faults: FaultsHandle,
    calls: Calls,
    store: Mutex<Store>,
}

/// A running hub; clones are the same hub.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

impl Hub {
    /// Builds a hub that knows one client.
    ///
    /// # Errors
    /// [`HubError`], when the options would make a hub that cannot work or leads off this machine.
    pub fn new(options: HubOptions) -> Result<Self, HubError> {
        let HubOptions { client_id, client_secret, redirect_uris, limits, clock, random } = options;
        if client_id.is_empty() || client_secret.is_empty() {
            return Err(HubError::EmptyClient);
        }
        let count = redirect_uris.len();
        if !(1..=MAX_REDIRECT_URIS).contains(&count) {
            return Err(HubError::RedirectUriCount { count });
        }
        for (what, given, most) in
            [("codes", limits.codes, MAX_CODES), ("tokens", limits.tokens, MAX_TOKENS)]
        {
            if given > most {
                return Err(HubError::LimitTooHigh { what, given, most });
            }
        }
        let redirect_uris = redirect_uris
            .into_iter()
            .map(|uri| match redirect_target(&uri) {
                Some(url) => Ok((uri, url)),
                None => Err(HubError::BadRedirectUri { uri }),
            })
            .collect::<Result<_, _>>()?;
        let store = Mutex::new(Store {
            codes: ExpiringMap::new(limits.codes, CODE_TTL),
            tokens: ExpiringMap::new(limits.tokens, TOKEN_TTL),
        });
        let faults = FaultsHandle::default();
        Ok(Self(Arc::new(Inner {
            client_id,
            client_secret,
            redirect_uris,
            clock,
            random,
            faults,
            calls: Calls::default(),
            store,
        })))
    }

    /// The hub's endpoints, behind the guard.
    pub fn router(&self) -> axum::Router {
        handlers::router(self.clone())
    }

    /// The handle that makes this hub misbehave.
    pub fn faults(&self) -> FaultsHandle {
        self.0.faults.clone()
    }

    /// What programs called last.
    pub fn calls(&self) -> Calls {
        self.0.calls.clone()
    }

    /// The redirect address a client asked for, if client and address are known.
    pub(crate) fn redirect_target(&self, client_id: &str, redirect_uri: &str) -> Option<&Url> {
        if client_id != self.0.client_id {
            return None;
        }
        self.0.redirect_uris.iter().find(|(known, _)| known == redirect_uri).map(|(_, url)| url)
    }

    /// Whether the client has the right secret. The time taken does not tell how much is right.
    pub(crate) fn check_client(&self, id: &str, secret: &str) -> Result<(), Refusal> {
        let good_id = id.as_bytes().ct_eq(self.0.client_id.as_bytes());
        let good_secret = secret.as_bytes().ct_eq(self.0.client_secret.as_bytes());
        if bool::from(good_id & good_secret) { Ok(()) } else { Err(Refusal::BadClient) }
    }

    /// A code for a login that has just happened.
    pub(crate) fn issue_code(&self, login: Login) -> Result<String, Refusal> {
        let code = self.secret()?;
        let now = (self.0.clock)();
        self.0.store.lock().codes.insert(now, &code, login)?;
        Ok(code)
    }

    /// Takes a code and gives an access token. A code survives only an answer of 503.
    pub(crate) fn exchange(&self, code: &str) -> Result<(String, Login), Refusal> {
        let token = self.secret()?;
        let now = (self.0.clock)();
        let mut store = self.0.store.lock();
        store.tokens.make_room(now)?;
        let login = store.codes.take(now, code).ok_or(Refusal::BadCode)?;
        store.tokens.insert(now, &token, login)?;
        Ok((token, login))
    }

    /// The login an access token stands for.
    pub(crate) fn login(&self, token: &str, user_id: &str) -> Result<Login, Refusal> {
        let now = (self.0.clock)();
        let login = self.0.store.lock().tokens.get(now, token).copied();
        login.filter(|login| login.user_id() == user_id).ok_or(Refusal::BadToken)
    }

    /// Ends the login: the token is dead from here on.
    pub(crate) fn logout(&self, token: &str, user_id: &str) -> Result<(), Refusal> {
        self.login(token, user_id)?;
        let now = (self.0.clock)();
        // Of two logouts at once, one finds nothing, and says so.
        self.0.store.lock().tokens.take(now, token).map(|_| ()).ok_or(Refusal::BadToken)
    }

    /// A fresh random secret, as 64 hexadecimal digits.
    pub(crate) fn secret(&self) -> Result<String, Refusal> {
        (self.0.random)().map(hex::encode).ok_or(Refusal::NoRandomness)
    }
}

/// Parses a redirect address, if it is one on this machine.
fn redirect_target(uri: &str) -> Option<Url> {
    let url = Url::parse(uri).ok()?;
    let here = match url.host()? {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    let web = matches!(url.scheme(), "http" | "https");
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    (here && web && plain).then_some(url)
}

/// Why serving ended, or did not begin.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A stand-in listens on loopback only.
    #[error("the stand-in hub listens on loopback only, not on {address}")]
    NotLoopback {
        /// The listener's address.
        address: SocketAddr,
    },
    /// The listener has failed.
    #[error("the stand-in hub's listener failed")]
    Listener(#[from] std::io::Error),
}

/// Serves the hub until `shutdown` is ready and the answers under way are finished.
///
/// Connections have neither a deadline nor a count: nobody but this machine can open one.
///
/// # Errors
/// [`ServeError::NotLoopback`] before anything is answered; [`ServeError::Listener`].
pub async fn serve(
    listener: TcpListener,
    hub: Hub,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback { address });
    }
    tracing::warn!(%address, "a stand-in identification hub is listening: nobody is identified");
    axum::serve(listener, hub.router()).with_graceful_shutdown(shutdown).await?;
    Ok(())
}
