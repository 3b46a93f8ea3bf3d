//! Proofs of work that are ready before anything is measured: a challenge for each person, solved.
//!
//! What clients compute is theirs, and is not in the figures; what the gateway does with a proof is. Must not
//! know how proofs are sent. Called by the variant that books with them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context as _, Result, ensure};
use talon_bench::authority::{CODE, SERVICE};
use talon_pow::Challenge;

/// The service's rule: what the gateway derives for each proof is what `configs/policies/mvs.toml` shows, and
/// one key in sixteen will do, so that those of a round are solved in about a minute.
pub(crate) const RULE: &str = "\n[release.services.visit]\nproof = { algorithm = \"PBKDF2/SHA-256\", \
                               cost = 400, key_prefix = \"0\", when = \"always\" }\n";
/// Far above what a prefix of one digit needs.
const MAX_ROUNDS: u32 = 1 << 16;
/// The longest answer with a challenge.
const MAX_ANSWER_BYTES: usize = 16 << 10;

/// A solved challenge for the person of each token, in the same order.
pub(crate) fn solved(at: SocketAddr, tokens: &[String]) -> Result<Vec<String>> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let part = tokens.len().div_ceil(cores).max(1);
    std::thread::scope(|scope| {
        let parts: Vec<_> =
            tokens.chunks(part).map(|it| scope.spawn(|| solve_all(at, it))).collect();
        let mut all = Vec::with_capacity(tokens.len());
        for part in parts {
            all.extend(part.join().expect("nobody panics while solving")?);
        }
        Ok(all)
    })
}

fn solve_all(at: SocketAddr, tokens: &[String]) -> Result<Vec<String>> {
    let stream = TcpStream::connect(at).context("connecting for challenges")?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let one = |token: &String| {
        let challenge = challenge(&mut reader, at, token)?;
        let solution = talon_pow::solve(&challenge, MAX_ROUNDS).context("no solution")?;
        Ok(talon_pow::encode_payload(&challenge, &solution))
    };
    tokens.iter().map(one).collect()
}

/// One challenge, over a connection that stays.
fn challenge(reader: &mut BufReader<TcpStream>, at: SocketAddr, token: &str) -> Result<Challenge> {
    write!(
        reader.get_mut(),
        "GET /api/v1/challenge?authority={CODE}&office=1&service={SERVICE} HTTP/1.1\r\nHost: {at}\r\n\
         Authorization: Bearer {token}\r\n\r\n"
    )?;
    let mut status = String::new();
    reader.read_line(&mut status).context("the answer's first line")?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).context("the answer's head")?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().context("the answer's length")?;
        }
    }
    ensure!(length <= MAX_ANSWER_BYTES, "a challenge of {length} bytes");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).context("the answer's body")?;
    let said = String::from_utf8_lossy(&body);
    ensure!(status.starts_with("HTTP/1.1 200 "), "no challenge: {status}{said}");
    serde_json::from_slice(&body).with_context(|| format!("reading {said}"))
}

#[cfg(test)]
mod tests {
    use super::super::site;

    #[test]
    fn the_policy_with_the_rule_asks_for_a_proof_at_any_time() {
        let policy = site::SIZE.policy() + super::RULE;
        let catalogue = site::SIZE.catalogue();
        let files = (("catalogue", catalogue.as_str()), ("policy", policy.as_str()));
        let authority = talon_ledger::load::parse(files.0, files.1).unwrap();
        assert!(format!("{:?}", authority.policy).contains("Always"));
    }
}
