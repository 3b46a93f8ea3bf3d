//! The settings of the outer edge: TLS, and whose word on addresses is taken.

use std::path::{Path, PathBuf};

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Config, ProcessMode};

/// Most networks of trusted proxies.
pub const MAX_TRUSTED_PROXIES: usize = 64;

/// TLS on the public listener. Without it, a terminator in front of the gateway speaks TLS.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// The certificate and its chain, PEM; read again when it changes. Empty: plain HTTP.
    pub certificate: PathBuf,
    /// Its private key, PEM, which nobody else may read.
    pub key: PathBuf,
}

impl Tls {
    /// The files of the certificate and of its key, when TLS is on.
    pub fn files(&self) -> Option<(&Path, &Path)> {
        let is_on = !self.certificate.as_os_str().is_empty();
        is_on.then_some((self.certificate.as_path(), self.key.as_path()))
    }
}

/// How trusted proxies pass on who is behind them. Exactly one way is believed, because a proxy
/// that sets one header may let the others through as its clients wrote them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAddress {
    /// Not at all: who is behind a proxy is unknown.
    #[default]
    Unknown,
    /// By a PROXY header, version 1 or 2, before the first byte of every connection.
    ProxyProtocol,
    /// By `Forwarded` (RFC 7239).
    Forwarded,
    /// By `X-Forwarded-For`.
    XForwardedFor,
}

/// The computer itself, whose connections are those of a terminator on it.
pub(super) fn loopback() -> Vec<IpNet> {
    ["127.0.0.0/8", "::1/128"].iter().map(|text| text.parse().expect("a network")).collect()
}

pub(super) fn check(config: &Config) -> Result<(), (&'static str, String)> {
    let (server, tls) = (&config.server, &config.tls);
    let refuse = |key, problem: &str| Err((key, problem.to_owned()));
    match (tls.certificate.as_os_str().is_empty(), tls.key.as_os_str().is_empty()) {
        (false, true) => return refuse("tls.key", "is needed with tls.certificate"),
        (true, false) => return refuse("tls.certificate", "is needed with tls.key"),
        (true, true) | (false, false) => {}
    }
    if tls.files().is_some() && !config.is_https() {
        return refuse("server.origin", "must be https:// with tls.certificate");
    }
    let named = server.trusted_proxies.as_deref().unwrap_or_default();
    if named.len() > MAX_TRUSTED_PROXIES {
        let problem = format!("{} networks, at most {MAX_TRUSTED_PROXIES}", named.len());
        return Err(("server.trusted_proxies", problem));
    }
    if config.mode == ProcessMode::Demo {
        if !named.is_empty() {
            return refuse("server.trusted_proxies", "a demo is reached without proxies");
        }
        if server.client_address != ClientAddress::Unknown {
            return refuse("server.client_address", "a demo is reached without proxies");
        }
    }
    if server.client_address != ClientAddress::Unknown && config.trusted_proxies().is_empty() {
        let remedy = "must name the proxies whose word server.client_address takes";
        return refuse("server.trusted_proxies", remedy);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::config::Layers;

    const PRODUCTION: &str = "mode = \"production\"\n\
        [hub]\nbrowser_origin = \"https://id.example\"\n\
        [keys]\ndirectory = \"/etc/talon/keys\"\n\
        [[authority]]\ncatalogue = \"c\"\npolicy = \"p\"\n\
        [server]\norigin = \"https://booking.example\"\n";

    fn refusal(text: &str) -> String {
        Layers::from_file("talon.toml", text).unwrap().finish().unwrap_err().to_string()
    }

    #[test]
    fn this_computer_is_the_terminator_unless_the_gateway_speaks_tls_or_others_are_named() {
        let proxies = |more: &str| {
            let text = format!("{PRODUCTION}{more}");
            let config = Layers::from_file("talon.toml", &text).unwrap().finish().unwrap();
            config.trusted_proxies().iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(proxies(""), ["127.0.0.0/8", "::1/128"]);
        assert_eq!(proxies("[tls]\ncertificate = \"c\"\nkey = \"k\"\n"), [""; 0]);
        assert_eq!(proxies("trusted_proxies = [\"10.0.0.0/8\"]\n"), ["10.0.0.0/8"]);
        assert_eq!(proxies("trusted_proxies = []\n"), [""; 0]);
    }

    #[test]
    fn a_way_to_pass_addresses_needs_somebody_who_is_trusted() {
        let nobody =
            format!("{PRODUCTION}trusted_proxies = []\nclient_address = \"x-forwarded-for\"\n");
        assert!(refusal(&nobody).contains("server.trusted_proxies: must name the proxies"));
        let no_network = format!("{PRODUCTION}trusted_proxies = [\"10.0.0.0/33\"]\n");
        assert!(refusal(&no_network).contains("server.trusted_proxies"));
        let many = vec!["\"10.0.0.0/8\""; super::MAX_TRUSTED_PROXIES + 1].join(",");
        let many = format!("{PRODUCTION}trusted_proxies = [{many}]\n");
        assert!(refusal(&many).contains("65 networks, at most 64"));
    }

    #[test]
    fn a_demo_has_no_proxies() {
        let demo = "mode = \"demo\"\n[server]\n";
        for line in ["trusted_proxies = [\"127.0.0.1/32\"]", "client_address = \"forwarded\""] {
            let message = refusal(&format!("{demo}{line}\n"));
            assert!(message.contains("a demo is reached without proxies"), "{message}");
        }
    }

    #[test]
    fn a_certificate_and_its_key_come_together_and_mean_https() {
        let one = refusal(&format!("{PRODUCTION}[tls]\ncertificate = \"c\"\n"));
        assert!(one.contains("tls.key: is needed with tls.certificate"), "{one}");
        let other = refusal(&format!("{PRODUCTION}[tls]\nkey = \"k\"\n"));
        assert!(other.contains("tls.certificate: is needed with tls.key"), "{other}");
        let http = "mode = \"demo\"\n[server]\norigin = \"http://localhost:1\"\n\
                    [tls]\ncertificate = \"c\"\nkey = \"k\"\n";
        assert!(refusal(http).contains("server.origin: must be https://"));
    }
}
