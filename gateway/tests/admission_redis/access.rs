//! How Redis lets the store in: a user with no more rights than it needs, and TLS.

use std::fs;

use redis::Client;
use talon_gateway::admission::{
    AdmissionStore, Decision, RedisEndpoint, RedisStore, SharedPeaks, StoreError,
};
use tempfile::TempDir;

use super::server::{RedisServer, free_port};
use super::trouble::{PERSON, assert_admitted, patient, within_patience};
use crate::{generous, nonce, quota};

/// All that a gateway does in Redis, as its documentation says. Each of these is in Valkey as well.
const RIGHTS: &str = "~talon:* resetchannels -@all +ping +cluster|slots +evalsha +eval \
    +time +get +set +hmget +hset +sadd +pexpire +pttl +zadd +zrange +zrem";

async fn decide_everything(endpoint: &RedisEndpoint) -> Result<Vec<Decision>, StoreError> {
    let store = RedisStore::connect(endpoint, patient()).unwrap();
    let now_s = talon_gateway::admission::system_clock()() / 1_000_000;
    let ask = talon_gateway::admission::AdmissionRequest {
        quota: quota(PERSON, 5),
        spend: nonce(1, now_s + 100),
        ..generous(PERSON)
    };
    let hint = talon_gateway::admission::Hint {
        actor: PERSON,
        person: PERSON,
        period: 7,
        rule: 2,
        count: 1,
        sequence: 1,
        expires_at_s: now_s + 500,
    };
    store.decide(&[ask], &[hint]).await
}

#[test]
fn a_user_with_the_documented_rights_and_no_others_is_enough() {
    let server = RedisServer::start();
    let mut admin = Client::open(server.url()).unwrap().get_connection().unwrap();
    let mut user = redis::cmd("ACL");
    user.arg("SETUSER").arg("talon").arg("on").arg(">sesame");
    RIGHTS.split_whitespace().for_each(|right| {
        user.arg(right);
    });
    let () = user.query(&mut admin).unwrap();
    let () = redis::cmd("ACL").arg("SETUSER").arg("default").arg("off").query(&mut admin).unwrap();
    within_patience(async {
        let url = format!("redis://talon@127.0.0.1:{}", server.port());
        let endpoint = RedisEndpoint::single(&url).unwrap();
        let allowed = endpoint.clone().with_password("sesame");
        assert_admitted(&decide_everything(&allowed).await);
        let peaks = SharedPeaks::connect(&allowed).unwrap();
        peaks.exchange(&[(1, 1), (3, 1)], 2).await.unwrap();
        for refused in [endpoint.clone(), endpoint.with_password("wrong")] {
            let decided = decide_everything(&refused).await;
            assert!(matches!(decided, Err(StoreError::Unavailable { .. })), "{decided:?}");
        }
    });
}

/// A certificate for 127.0.0.1 that signs itself, and its key, as files.
struct Certificate {
    directory: TempDir,
    pem: String,
}

impl Certificate {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
        let (directory, pem) = (tempfile::tempdir().unwrap(), made.cert.pem());
        fs::write(directory.path().join("server.pem"), &pem).unwrap();
        fs::write(directory.path().join("server.key"), made.signing_key.serialize_pem()).unwrap();
        Self { directory, pem }
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }
}

#[test]
fn over_tls_only_the_named_authority_is_trusted() {
    let (certificate, stranger) = (Certificate::new(), Certificate::new());
    let port = free_port();
    let (file, key) = (certificate.path("server.pem"), certificate.path("server.key"));
    let arguments = [
        ["--tls-port", &port.to_string()],
        ["--tls-cert-file", &file],
        ["--tls-key-file", &key],
        ["--tls-ca-cert-file", &file],
        ["--tls-auth-clients", "no"],
    ];
    let server = RedisServer::start_with(free_port(), arguments.as_flattened());
    let _server = server.expect("redis-server is built with TLS and both ports are free");
    within_patience(async {
        let endpoint = RedisEndpoint::single(&format!("rediss://127.0.0.1:{port}")).unwrap();
        let trusting = endpoint.clone().with_authority(certificate.pem.as_bytes()).unwrap();
        assert_admitted(&decide_everything(&trusting).await);
        let elsewhere = endpoint.clone().with_authority(stranger.pem.as_bytes()).unwrap();
        for refused in [elsewhere, endpoint] {
            let decided = decide_everything(&refused).await;
            assert!(matches!(decided, Err(StoreError::Unavailable { .. })), "{decided:?}");
        }
    });
}
